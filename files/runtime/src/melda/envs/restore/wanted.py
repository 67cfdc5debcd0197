"""What is wanted, as installers are told it: exact versions, hashes, copies that were kept."""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple
from urllib import parse

from melda.base import interpreters, regular_files
from melda.config import environ
from melda.envs import Json, entries
from melda.envs.errors import PackageUnavailable
from melda.envs.formats import freeze


class Site(NamedTuple):
    """Where packages go.

    Attributes:
        layout: of the container.
        version: of Python, or of R.
        root: the user's environment, or library.
        files: folder with what was kept beside the capture.
        architecture: of the host, for R's copies.
    """

    layout: environ.ImageLayout
    version: str
    root: str
    files: str
    architecture: str = ""

    @property
    def packages(self) -> str:
        return interpreters.site_packages(self.root, self.version)


def kept(files: str, entry: Json) -> str:
    """Return the path of the copy that was kept beside the capture, if it is what the capture says.

    Raises:
        PackageUnavailable: it is not.
    """
    if "file" not in entry:
        came = entry["source"].get("path", "a file or folder of the host")
        raise PackageUnavailable(f"it came from {came}, of which no copy was kept")
    path = os.path.join(files, entry["file"]["name"])
    if digest_of(path) != entry["file"]["sha256"]:
        raise PackageUnavailable(f"{path} is not the file that was kept: its hash is another one")
    return path


def digest_of(path: str) -> str:
    """SHA-256 of a file, as a capture has it.

    Raises:
        PackageUnavailable: it cannot be read.
    """
    found = hashlib.sha256()
    try:
        with open(regular_files.descriptor(path), "rb") as stream:
            for part in iter(lambda: stream.read(1 << 20), b""):
                found.update(part)
    except OSError as error:
        raise PackageUnavailable(f"{path} cannot be read: {error.strerror}") from None
    return "sha256:" + found.hexdigest()


def _fits(wheel: str, version: str) -> bool:
    """Is a wheel for this Python, by its name? uv 0.13 takes one of a newer Python for an older one."""
    from packaging import tags, utils  # noqa: PLC0415 not with the launcher's Python

    try:
        offered = utils.parse_wheel_filename(wheel)[3]
    except utils.InvalidWheelFilename:
        return True  # a source distribution is for each; of anything else uv says what is wrong
    python = tuple(int(part) for part in version.split(".")[:2])
    # Whatever the platform: it is the image's, and uv looks at it.
    anywhere = (
        *tags.cpython_tags(python, platforms=["any"]),
        *tags.compatible_tags(python, "cp{0}{1}".format(*python), ["any"]),
    )
    suits = {(one.interpreter, one.abi) for one in anywhere}
    return any((one.interpreter, one.abi) in suits for one in offered)


def lines(site: Site, entry: Json, fetched: str = "") -> str:
    """Return what uv reads about one package, with its hashes.

    Args:
        site: where it goes.
        entry: of the capture.
        fetched: address of the local copy of what is from an address or a commit.

    Raises:
        PackageUnavailable: it can be had nowhere.
    """
    why = entries.lost(entry)
    if why:
        raise PackageUnavailable(why)
    source = entry["source"]
    hashes = entry.get("hashes") or source.get("hashes", [])
    if source["type"] == "local":
        path = source.get("path", "")
        if source.get("editable") and path.startswith(site.layout.workdir + "/") and os.path.isdir(path):
            return f"--editable {parse.quote(path)}\n"
        copy = kept(site.files, entry)
        if not _fits(entry["file"]["name"], site.version):
            raise PackageUnavailable(f"the copy that was kept, {entry['file']['name']}, is for another Python")
        hashes = [entry["file"]["sha256"]]
        return "{0} @ file://{1} --hash={2}\n".format(entry["name"], parse.quote(copy), hashes[0])
    named = "{0} @ {1}".format(entry["name"], fetched) if fetched else freeze.line(entry)
    return named + "".join(f" --hash={one}" for one in hashes) + "\n"


def is_checked(entry: Json) -> bool:
    """Is the file's hash known beforehand?"""
    source = entry["source"]
    return bool(entry.get("hashes") or source.get("hashes") or "file" in entry) and not source.get("editable")
