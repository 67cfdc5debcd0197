"""Python packages beyond the image, by what their installers left beside them (PEP 376, 610, 627)."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
from importlib import metadata
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from urllib import parse

from melda_runtime.versions import normal

Json = Dict[str, Any]
# Of a distribution's own folder, what an installer writes and not the package.
NOT_THE_PACKAGES = {
    "RECORD",
    "RECORD.jws",
    "RECORD.p7s",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "provenance_url.json",
    "uv_cache.json",
    "uv_build.json",
}
LONGEST = 300  # characters of a name or a version


class Found(NamedTuple):
    """A distribution that is installed.

    Attributes:
        folder: where its files lie.
        entry: as a capture has it.
        distribution: of importlib.
    """

    folder: str
    entry: Json
    distribution: metadata.Distribution


def without_credentials(url: str) -> str:
    """``url`` without user and password, which are nobody's but the user's; ssh's user is part of the address."""
    parts = parse.urlsplit(url)
    if "@" not in parts.netloc or "ssh" in parts.scheme:
        return url
    return parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _hashes(archive: Json) -> List[str]:
    """Of ``archive_info`` (PEP 610), strongest names only: what --require-hashes takes."""
    given = dict(archive.get("hashes") or {})
    old = str(archive.get("hash", ""))
    if "=" in old:
        given.setdefault(*old.split("=", 1))
    return sorted("{0}:{1}".format(name, given[name]) for name in ("sha256", "sha384", "sha512") if given.get(name))


def source(text: Optional[str]) -> Json:
    """Where a distribution came from, by its ``direct_url.json``; without one, from an index."""
    try:
        direct: Json = json.loads(text) if text else {"url": ""}
        url = without_credentials(str(direct["url"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"type": "index"}
    if not url:
        return {"type": "index"}
    found: Json
    if isinstance(direct.get("vcs_info"), dict):
        info = direct["vcs_info"]
        found = {"type": "vcs", "vcs": str(info.get("vcs", "")), "url": url, "commit": str(info.get("commit_id", ""))}
    elif url.startswith("file:"):
        info = direct.get("dir_info") or {}
        found = {
            "type": "local",
            "path": parse.unquote(parse.urlsplit(url).path),
            "editable": bool(info.get("editable")),
        }
    else:
        found = {"type": "url", "url": url}
    if direct.get("subdirectory"):
        found["subdirectory"] = str(direct["subdirectory"])
    hashes = _hashes(direct.get("archive_info") or {})
    return {**found, "hashes": hashes} if hashes else found


def record_rows(text: Optional[str]) -> Iterator[List[str]]:
    """Rows of a RECORD: path, hash, size; what is no row is left out."""
    try:
        for row in csv.reader((text or "").splitlines()):
            if len(row) == 3:
                yield row
    except csv.Error:
        return


def record_digest(text: Optional[str]) -> str:
    """One number for all files of a distribution, by the hashes in its RECORD; empty where that has none.

    The same for one wheel, whoever installs it where: scripts, bytecode and the installer's own notes are left out.
    """
    lines = []
    for path, digest, size in record_rows(text):
        folder, _, name = path.rpartition("/")
        notes = folder.endswith(".dist-info") and name in NOT_THE_PACKAGES
        if digest and not notes and not path.startswith(("../", "/")) and not path.endswith(".pyc"):
            lines.append("{0},{1},{2}\n".format(path, digest, size))
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def file_digest(path: str) -> str:
    """A file's hash as RECORD has it.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as stream:
        return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(stream.read()).digest()).decode().rstrip("=")


def modules(found: metadata.Distribution) -> List[str]:
    """What the distribution makes importable."""
    names = set((found.read_text("top_level.txt") or "").split())
    for path, _, _ in record_rows(found.read_text("RECORD")):
        first, slash, _ = path.partition("/")
        if slash and re.fullmatch(r"\w+", first) and path.endswith((".py", ".so")):
            names.add(first)
        elif not slash and path.endswith((".py", ".so")):
            names.add(first.split(".", 1)[0])
    return sorted(names)


def _entry(found: metadata.Distribution) -> Optional[Json]:
    try:
        name, version = found.metadata["Name"], found.version
        if not name or not version or max(len(name), len(version)) > LONGEST:
            return None
        record = found.read_text("RECORD")
        if record is None and str(getattr(found, "_path", "")).endswith(".dist-info"):
            return None  # written last by every installer: it was cut off
        entry: Json = {"name": normal(name), "version": version, "source": source(found.read_text("direct_url.json"))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # broken metadata costs this package's entry
    digest = record_digest(record)
    return {**entry, "record": digest} if digest else entry


def in_folder(folder: str) -> Dict[str, Found]:
    """Distributions by name; of two of one name, left by an upgrade that was cut off, the whole one, then the newer."""
    found: Dict[str, Found] = {}
    newest: Dict[str, Tuple[float, float]] = {}
    for distribution in metadata.distributions(path=[folder]):
        entry = _entry(distribution)
        if entry is None:
            continue
        path = str(getattr(distribution, "_path", ""))
        rank = (float("record" in entry), os.path.getmtime(path) if os.path.exists(path) else 0.0)
        if entry["name"] not in found or newest[entry["name"]] < rank:
            found[entry["name"]], newest[entry["name"]] = Found(folder, entry, distribution), rank
    return found


def beyond_image(folders: Sequence[str]) -> Dict[str, Found]:
    """Distributions by name, sorted; what lies in the first folder wins.

    Args:
        folders: the user's own, as Python looks into them.
    """
    found: Dict[str, Found] = {}
    for folder in folders:
        for name, one in in_folder(folder).items():
            found.setdefault(name, one)
    return dict(sorted(found.items()))
