"""Python packages beyond the image, by what their installers left beside them (PEP 376, 610, 627)."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import pathlib
import re
from importlib import metadata
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from urllib import parse

from melda.base import regular_files
from melda.envs import Json, entries
from melda.sync.on_disk import tree
from melda.versions.libraries import PYTHON, fields, normal

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
LARGEST = 16 << 20  # bytes of a file of metadata; the RECORD of TensorFlow has two millions
LARGEST_HEAD = 1 << 16
LARGEST_DIRECT = 1 << 16
LARGEST_FILE = 1 << 30  # of a package


class Found(NamedTuple):
    """A distribution that is installed.

    Attributes:
        folder: where its files lie.
        entry: as a capture has it.
        distribution: of importlib.
    """

    folder: str
    entry: Json
    distribution: Distribution


class Distribution(metadata.PathDistribution):
    """One whose files are read only if they are regular, and not too large."""

    def read_text(self, filename: object) -> Optional[str]:
        """Return the text of a file beside METADATA; None if there is none, or none to be read."""
        try:
            return regular_files.read(os.path.join(self.path, str(filename)), LARGEST).decode("utf-8", "replace")
        except OSError:
            return None

    @property
    def path(self) -> str:
        return str(self._path)

    def there(self, filename: str) -> bool:
        """Has it such a file, of whatever kind?"""
        return os.path.lexists(os.path.join(self.path, filename))


def _table(about: Json, name: str) -> Json:
    found = about.get(name)
    return found if isinstance(found, dict) else {}


def _path(url: str) -> str:
    try:
        parts = parse.urlsplit(url)
        # An installer quotes a ? of a path: what has one is another address.
        return "" if parts.query else parse.unquote(parts.path)
    except ValueError:
        return ""


def _hashes(archive: Json) -> List[str]:
    """Of ``archive_info`` (PEP 610), strongest names only: what --require-hashes takes."""
    given = dict(_table(archive, "hashes"))
    old = str(archive.get("hash", ""))
    if "=" in old:
        given.setdefault(*old.split("=", 1))
    return sorted(f"{name}:{given[name]}" for name in ("sha256", "sha384", "sha512") if given.get(name))


def source(text: Optional[str]) -> Json:
    """Return where a distribution came from, by its ``direct_url.json``; without one, from an index."""
    try:
        direct: Json = json.loads(text) if text else {"url": ""}
        url = str(direct["url"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"type": "index"}
    if not url:
        return {"type": "index"}
    found: Json
    info = direct.get("vcs_info")
    if isinstance(info, dict):
        found = {"type": "vcs", "vcs": str(info.get("vcs", "")), "url": url, "commit": str(info.get("commit_id", ""))}
    elif url.startswith("file:"):
        about = _table(direct, "dir_info")
        found = {"type": "local", "path": _path(url), "editable": bool(about.get("editable"))}
    else:
        found = {"type": "url", "url": url}
    if direct.get("subdirectory"):
        found["subdirectory"] = str(direct["subdirectory"])
    hashes = _hashes(_table(direct, "archive_info"))
    return {**found, "hashes": hashes} if hashes else found


def record_rows(text: Optional[str]) -> Iterator[List[str]]:
    """Rows of a RECORD: path, hash, size; what is no row is skipped."""
    try:
        for row in csv.reader((text or "").splitlines()):
            if len(row) == 3:
                yield row
    except csv.Error:
        return


def record_digest(text: Optional[str]) -> str:
    """Return one number for all files of a distribution, by the hashes in its RECORD; empty where that has none.

    The same for one wheel, whoever installs it where: scripts, bytecode and the installer's own notes are skipped.
    """
    lines = []
    for path, digest, size in record_rows(text):
        folder, _, name = path.rpartition("/")
        notes = folder.endswith(".dist-info") and name in NOT_THE_PACKAGES
        if digest and not notes and not path.startswith(("../", "/")) and not path.endswith(".pyc"):
            lines.append(f"{path},{digest},{size}\n")
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def digest(content: bytes) -> str:
    """Return a content's hash as RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def modules(found: Distribution) -> List[str]:
    """Return what the distribution makes importable."""
    names = set((found.read_text("top_level.txt") or "").split())
    for path, _, _ in record_rows(found.read_text("RECORD")):
        first, slash, _ = path.partition("/")
        if slash and re.fullmatch(r"\w+", first) and path.endswith((".py", ".so")):
            names.add(first)
        elif not slash and path.endswith((".py", ".so")):
            names.add(first.split(".", 1)[0])
    return sorted(names)


def _entry(found: Distribution) -> Optional[Json]:
    """Return the entry of a package; None where its metadata is broken: that costs this package's entry."""
    package = None
    for path in (os.path.join(found.path, "METADATA"), os.path.join(found.path, "PKG-INFO"), found.path):
        if os.path.isfile(path):
            try:
                head = regular_files.head(path, LARGEST_HEAD)
            except OSError:
                return None
            package = fields(head.decode("utf-8", "replace"), "Name")
            break
    record = found.read_text("RECORD")
    if package is None or (record is None and found.path.endswith(".dist-info")):
        return None  # RECORD is written last by every installer: it was interrupted
    direct = found.read_text("direct_url.json")
    if found.there("direct_url.json") and (direct is None or len(direct) > LARGEST_DIRECT):
        return None  # it would be taken for one of an index
    entry = {"name": normal(package[0]), "version": package[1], "source": source(direct)}
    digest_of_all = record_digest(record)
    return entries.known("python", {**entry, "record": digest_of_all} if digest_of_all else entry)


def in_folder(folder: str) -> Dict[str, Found]:
    """Distributions by name; of two of one name, left by an upgrade that was interrupted, the whole one, then the newer.

    Raises:
        OSError: it cannot be read: what is in it would seem to be removed.
    """
    found: Dict[str, Found] = {}
    newest: Dict[str, Tuple[float, float]] = {}
    for name in sorted(name for name in tree.listed(folder) if re.fullmatch(PYTHON.pattern, name)):
        distribution = Distribution(pathlib.Path(folder, name))
        entry = _entry(distribution)
        if entry is None:
            continue
        path = distribution.path
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
