"""Moving packages from one copy of a folder into another, whole distributions only."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Collection, Dict, List, Set

from melda_persistence.generations import Generation
from melda_persistence.tree import Layout


def remove(path: str) -> None:
    """Remove a file, or a folder and what is in it, also what is read-only; nothing if it is not there.

    Raises:
        OSError: something stays.
    """

    def again(action: Callable[[str], object], at: str, _: object) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(os.path.dirname(at), 0o700)
            if os.path.isdir(at) and not os.path.islink(at):
                os.chmod(at, 0o700)
                shutil.rmtree(at)
            else:
                os.unlink(at)

    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, onerror=again)
    elif os.path.lexists(path):
        os.unlink(path)


def _canonical(dist_info: str) -> str:
    """The name of a distribution as PyPI compares it (PEP 503), from that of its folder."""
    return re.sub(r"[-_.]+", "-", dist_info[: -len(".dist-info")].rsplit("-", 1)[0]).lower()


def _files(dist_info: str) -> List[str]:
    """What its RECORD names, relative to where packages lie; nothing if there is none yet."""
    with contextlib.suppress(OSError, csv.Error), open(
        os.path.join(dist_info, "RECORD"), newline="", encoding="utf-8", errors="surrogateescape"
    ) as stream:
        return [row[0] for row in csv.reader(stream) if row]
    return []


def distributions(shape: Layout, root: str) -> Dict[str, Set[str]]:
    """Python's distributions in a folder: name -> entries that its RECORD names."""
    found: Dict[str, Set[str]] = {}
    packages = os.path.join(root, shape.packages)
    for name in os.listdir(packages) if shape.packages and os.path.isdir(packages) else ():
        if name.endswith(".dist-info"):
            entries = found.setdefault(_canonical(name), {os.path.join(shape.packages, name)})
            files = _files(os.path.join(packages, name))
            entries.update(shape.entry_of(os.path.join(shape.packages, file)) for file in files)
    return found


def numbers(shape: Layout, generation: Generation) -> Dict[str, int]:
    """How new each package of a generation is, by its distribution's name, or by its entry where that is all it has."""
    found: Dict[str, int] = {}
    for entry, held in generation.entries.items():
        folder, name = os.path.split(entry)
        is_distribution = folder == shape.packages and name.endswith(".dist-info")
        found[_canonical(name) if is_distribution else entry] = held.number
    return found


def whole(shape: Layout, root: str) -> Set[str]:
    """Entries that belong to packages of which nothing is missing: what a container that was killed left may be torn."""
    found: Set[str] = set()
    packages = os.path.join(root, shape.packages)
    if not shape.packages:  # R's, which writes this file last
        return {
            entry for entry in shape.entries(root) if os.path.isfile(os.path.join(root, entry, "Meta", "package.rds"))
        }
    for name in os.listdir(packages) if os.path.isdir(packages) else ():
        if name.endswith(".dist-info"):
            files = _files(os.path.join(packages, name))
            if files and all("__pycache__" in file or os.path.lexists(os.path.join(packages, file)) for file in files):
                found.update(shape.entry_of(os.path.join(shape.packages, file)) for file in files)
    return found


def _rename(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except PermissionError:  # a folder that its owner may not write
        mode = stat.S_IMODE(os.lstat(source).st_mode)
        os.chmod(source, mode | 0o700)
        os.rename(source, target)
        os.chmod(target, mode)


def merge(source: str, target: str) -> None:
    """Move ``source`` to ``target``; of what is there already, nothing is replaced."""
    if not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _rename(source, target)
    elif all(os.path.isdir(path) and not os.path.islink(path) for path in (source, target)):
        for name in os.listdir(source):
            merge(os.path.join(source, name), os.path.join(target, name))


def copy(source: str, target: str) -> None:
    """Copy a folder out of the bucket, several files at a time, because each is a request.

    Raises:
        OSError: something cannot be read or written.
    """
    files = []
    for folder, _, _ in os.walk(source):
        here = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(here, exist_ok=True)
        with os.scandir(folder) as found:
            for child in found:
                if not child.is_dir(follow_symlinks=False):
                    files.append((child.path, os.path.join(here, child.name)))

    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda pair: shutil.copy2(*pair, follow_symlinks=False), files):
            pass


def adopt(shape: Layout, source: str, target: str, without: Collection[str] = ()) -> List[str]:
    """Move what ``target`` has not got: packages by name, never a file of one version into another.

    Args:
        shape: of both folders.
        source: is used up.
        target: on the same file system.
        without: distributions, and entries that belong to none, that are left out.

    Returns:
        Entries that are in ``target`` now as they were in ``source``.

    Raises:
        OSError: something cannot be moved.
    """
    there = {*distributions(shape, target), *without}
    owners: Dict[str, Set[str]] = {}
    for name, entries in distributions(shape, source).items():
        for entry in entries:
            owners.setdefault(entry, set()).add(name)
    moved = []
    for entry in list(shape.entries(source)):
        new, old = os.path.join(target, entry), os.path.join(source, entry)
        # A folder that several distributions share is theirs together.
        missing = entry in owners and not owners[entry] <= there
        whole = not os.path.lexists(new)
        if missing or (whole and entry not in owners and entry not in without):
            merge(old, new)
            moved += [entry] if whole else []
    return moved
