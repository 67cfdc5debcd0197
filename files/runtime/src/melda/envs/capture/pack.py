"""What came from a local file, packed again from what is installed: beside the capture, because it can be had nowhere else.

A wheel of a Python package is what its RECORD lists; an R package that is installed is what R calls a binary package.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
import tempfile
import zipfile
from functools import partial
from typing import Dict, Iterator, List, Optional, Tuple

from melda.base import regular_files
from melda.envs import Json, addresses
from melda.envs.capture import Installed
from melda.envs.capture import r as r_packages
from melda.envs.capture.python import LARGEST_FILE, NOT_THE_PACKAGES, Found, digest, record_rows
from melda.sync.on_disk import tree

ENDING = ".files"  # of the folder, after the capture's own name
LARGEST = 1 << 30  # bytes of a package
FROM = re.compile(r"Remote|Repository|git_")  # fields of who installs; the others are the author's, for everybody
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file


def _scripts(found: Found) -> List[str]:
    """Console scripts: an installer makes them again, for the Python they are installed for."""
    return [
        point.name for point in found.distribution.entry_points if point.group in ("console_scripts", "gui_scripts")
    ]


def _files(found: Found) -> Iterator[Tuple[str, str]]:
    """Name in the wheel and path of each file.

    Raises:
        ValueError: a file is somewhere where no wheel can put it.
    """
    name, version = _stem(found)
    scripts = _scripts(found)
    prefix = os.path.normpath(os.path.join(found.folder, "..", "..", ".."))
    for listed, _, _ in record_rows(found.distribution.read_text("RECORD")):
        path = os.path.normpath(os.path.join(found.folder, listed))
        base = os.path.basename(path)
        if path.endswith(".pyc") or (os.path.dirname(path).endswith(".dist-info") and base in NOT_THE_PACKAGES):
            continue
        if path.startswith(found.folder + os.sep):
            yield os.path.relpath(path, found.folder), path
        elif path.startswith(os.path.join(prefix, "bin") + os.sep):
            if base not in scripts:
                yield f"{name}-{version}.data/scripts/{base}", path
        elif path.startswith(prefix + os.sep):
            yield f"{name}-{version}.data/data/{os.path.relpath(path, prefix)}", path
        else:
            raise ValueError(f"{listed} lies outside of its environment")


def _head(found: Found) -> str:
    """Return the fields of METADATA but for the description, which may explain addresses to readers."""
    text = (found.distribution.read_text("METADATA") or "").replace("\r\n", "\n").partition("\n\n")[0]
    return "\n".join(re.findall(r"^(?!Description:)[A-Za-z-]+:.*$", text, re.MULTILINE))


def _stem(found: Found) -> Tuple[str, str]:
    return found.entry["name"].replace("-", "_"), found.entry["version"].replace("-", "_")


def wheel(found: Found) -> Tuple[str, bytes]:
    """Return a wheel's name and content, the same for the same files.

    Raises:
        ValueError: it cannot be packed.
        OSError: a file cannot be read.
    """
    if addresses.names_user(_head(found)):
        raise ValueError("its METADATA holds an address with a user name or password")
    name, version = _stem(found)
    tags = re.findall(r"^Tag:\s*(\S+)\s*$", found.distribution.read_text("WHEEL") or "", re.MULTILINE)
    parts = [tag.split("-") for tag in tags]
    if not parts or any(len(part) != 3 for part in parts):
        raise ValueError("it has no WHEEL")
    tag = "-".join(".".join(dict.fromkeys(part[at] for part in parts)) for at in range(3))
    # As the distribution spells it, which its folders' names follow.
    info = next(
        (row[0].split("/")[0] for row in record_rows(found.distribution.read_text("RECORD")) if "dist-info/" in row[0]),
        f"{name}-{version}.dist-info",
    )
    stream = io.BytesIO()
    rows = []
    size = 0
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(inside: str, content: bytes, mode: int) -> None:
            member = zipfile.ZipInfo(inside, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (0o100000 | mode) << 16
            archive.writestr(member, content)

        for listed, path in sorted(_files(found)):
            inside = listed.replace(f"{name}-{version}.data/", info[: -len(".dist-info")] + ".data/")
            content = regular_files.read(path, LARGEST_FILE)
            size += len(content)
            if size > LARGEST:
                raise ValueError(f"it is larger than {LARGEST >> 20} MB")
            put(inside, content, 0o755 if os.access(path, os.X_OK) else 0o644)
            rows.append(f"{inside},{digest(content)},{len(content)}\n")
        put(info + "/RECORD", ("".join(rows) + info + "/RECORD,,\n").encode(), 0o644)
    return "{0}-{1}.whl".format(info[: -len(".dist-info")], tag), stream.getvalue()


def r_package(library: str, entry: Json, version: str, platform: str) -> Tuple[str, bytes]:
    """Return what R installs as a binary package: its name and content, the same for the same files.

    Args:
        library: where it is installed.
        entry: of the capture.
        version: of R.
        platform: like x86_64.

    Raises:
        ValueError: it may not be handed on.
        OSError: a file cannot be read.
    """
    package = os.path.join(library, entry["name"])
    fields = r_packages.read(package) or {}
    # In Meta/package.rds, too: what was installed with it is not handed on.
    fields.pop("Description", None)
    if any(
        addresses.names_user(value) or (FROM.match(name) and addresses.holds_secret(value))
        for name, value in fields.items()
    ):
        raise ValueError("its DESCRIPTION holds an address with user info or a query")
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed, tarfile.open(
        fileobj=packed, mode="w", format=tarfile.GNU_FORMAT
    ) as archive:
        archive.add(package, entry["name"], filter=_plain)
    return "{0}_{1}_R{2}_{3}.tar.gz".format(entry["name"], entry["version"], version, platform), stream.getvalue()


def _plain(member: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    if not (member.isfile() or member.isdir()):
        return None  # a link may point anywhere
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _put(folder: str, name: str, content: bytes) -> Json:
    digest = hashlib.sha256(content).hexdigest()
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    number, new = tempfile.mkstemp(prefix=".", dir=folder)
    with open(number, "wb") as stream:
        stream.write(content)
    os.chmod(new, 0o644)
    os.replace(new, path)
    return {"name": name, "sha256": "sha256:" + digest}


def keep(found: Installed, folder: str) -> Tuple[List[str], Dict[str, str]]:
    """Pack what came from a local file into ``folder``, and note in the capture what it is called there.

    What lies there from an earlier capture and is not needed any more is removed.

    Returns:
        Names of the packages that were packed, and why others could not be.
    """
    packed: List[str] = []
    failures: Dict[str, str] = {}
    names: List[str] = []
    version, platform = found.document["r"]["version"], found.document["system"]["architecture"]
    every = [(name, one.entry, partial(wheel, one)) for name, one in found.python.items()]
    every += [(name, one[1], partial(r_package, *one, version, platform)) for name, one in found.r.items()]
    for name, entry, made in every:
        if entry["source"]["type"] != "local" or entry["source"].get("editable"):
            continue
        try:
            entry["file"] = _put(folder, *made())
        except (OSError, ValueError) as error:
            failures[name] = str(error)
            continue
        names.append(entry["file"]["name"])
        packed.append(name)
    # A list of what is beside it is one request of s3fs's; to ask for a folder that is not there is four.
    parent, own = os.path.split(os.path.abspath(folder))
    if own in tree.listed(parent) and os.path.isdir(folder):
        for name in os.listdir(folder):
            if name not in names and name.endswith((".whl", ".tar.gz")):
                os.unlink(os.path.join(folder, name))
        if not names and not os.listdir(folder):
            os.rmdir(folder)
    return packed, failures
