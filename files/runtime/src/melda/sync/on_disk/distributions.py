"""Moving packages from one copy of a folder into another, whole distributions only."""

from __future__ import annotations

import csv
import errno
import io
import itertools
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Collection, Dict, List, Mapping, Optional, Set

from melda.base import folders, regular_files
from melda.sync.in_bucket.generations import Generation
from melda.sync.on_disk.local_index import SHORT
from melda.sync.on_disk.shared_folders import clear_way
from melda.sync.on_disk.tree import LONGEST, Layout, listed
from melda.versions import libraries

LARGEST_RECORD, MOST_FILES = 32 << 20, 500_000  # bytes and lines of what a distribution says it has


def _canonical(dist_info: str) -> str:
    """Return the name of a distribution as PyPI compares it (PEP 503), from that of its folder."""
    return libraries.normal(dist_info[: -len(".dist-info")].rsplit("-", 1)[0])


def _files(dist_info: str) -> Dict[str, str]:
    """Return what its RECORD names, relative to where packages lie -> its digest, if any; nothing if there is none yet.

    Raises:
        OSError: it cannot be read now, for want of descriptors or memory.
    """
    try:
        text = regular_files.read(os.path.join(dist_info, "RECORD"), LARGEST_RECORD).decode("utf-8", "surrogateescape")
        rows = csv.reader(io.StringIO(text, newline=""))
        return {row[0]: "".join(row[1:2]) for row in itertools.islice(rows, MOST_FILES) if row}
    except (OSError, csv.Error) as error:
        if isinstance(error, OSError) and error.errno in SHORT:
            raise
        return {}


def distributions(shape: Layout, root: str) -> Dict[str, Set[str]]:
    """Python's distributions in a folder: name -> entries that its RECORD names."""
    found: Dict[str, Set[str]] = {}
    packages = os.path.join(root, shape.packages)
    for name in listed(packages) if shape.packages else ():
        if name.endswith(".dist-info"):
            entries = found.setdefault(_canonical(name), {os.path.join(shape.packages, name)})
            files = _files(os.path.join(packages, name))
            entries.update(shape.entry_of(os.path.join(shape.packages, file)) for file in files)
    return found


def recorded(shape: Layout, root: str, names: Optional[Collection[str]] = None) -> Dict[str, str]:
    """Return the files that a RECORD names, relative to ``root`` -> its digest of them, such as sha256=..., or empty.

    Args:
        shape, root: of the folder.
        names: of the distributions; None: all.
    """
    packages = os.path.join(root, shape.packages)
    infos_here = [name for name in (listed(packages) if shape.packages else ()) if name.endswith(".dist-info")]
    wanted = [name for name in infos_here if names is None or _canonical(name) in names]
    files = (each for name in wanted for each in _files(os.path.join(packages, name)).items())
    named = ((file, digest) for file, digest in files if "\0" not in file)  # no file is called so
    return {os.path.normpath(os.path.join(shape.packages, file)): digest for file, digest in named}


def infos(shape: Layout, entries: Collection[str]) -> Dict[str, Set[str]]:
    """Return the names of distributions -> those of ``entries`` that are their .dist-info."""
    found: Dict[str, Set[str]] = {}
    for entry in entries:
        folder, name = os.path.split(entry)
        if folder == shape.packages and name.endswith(".dist-info"):
            found.setdefault(_canonical(name), set()).add(entry)
    return found


def numbers(shape: Layout, generation: Generation) -> Dict[str, int]:
    """How new each package of a generation is, by its distribution's name, or by its entry where that is all it has."""
    found: Dict[str, int] = {}
    for entry, held in generation.entries.items():
        folder, name = os.path.split(entry)
        is_distribution = folder == shape.packages and name.endswith(".dist-info")
        found[_canonical(name) if is_distribution else entry] = held.number
    return found


def _is_gone(path: str) -> bool:
    """Is it not there? What cannot be looked at is no reason to remove a package."""
    try:
        os.lstat(path)
    except ValueError:
        return True  # no file is called so
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def complete(shape: Layout, root: str) -> Set[str]:
    """Entries that belong to packages of which nothing is missing: what a container that was killed left may be partial."""
    found: Set[str] = set()
    packages = os.path.join(root, shape.packages)
    if not shape.packages:  # R's, which writes this file last
        return {
            entry for entry in shape.entries(root) if os.path.isfile(os.path.join(root, entry, "Meta", "package.rds"))
        }
    for name in listed(packages):
        if name.endswith(".dist-info"):
            files = _files(os.path.join(packages, name))
            if files and not any(
                "__pycache__" not in file and _is_gone(os.path.join(packages, file)) for file in files
            ):
                found.update(shape.entry_of(os.path.join(shape.packages, file)) for file in files)
                found.add(os.path.join(shape.packages, name))
    return found


def merge(source: str, target: str) -> None:
    """Move ``source`` to ``target``; of what is there already, nothing is replaced."""
    todo = [(source, target)]
    while todo:
        old, new = todo.pop()
        if not os.path.lexists(new):
            os.makedirs(os.path.dirname(new), exist_ok=True)
            folders.rename(old, new)
        elif all(os.path.isdir(path) and not os.path.islink(path) for path in (old, new)):
            todo += [(os.path.join(old, name), os.path.join(new, name)) for name in os.listdir(old)]


def _copy_file(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    with open(regular_files.descriptor(source, follow=False), "rb") as reading, open(target, "xb") as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
    shutil.copystat(source, target, follow_symlinks=False)


def copy(source: str, target: str, moved: Callable[[], None] = lambda: None) -> List[str]:
    """Copy a folder out of the bucket, several files at a time, because each is a request.

    Args:
        source: the folder.
        target: where to.
        moved: called after each file.

    Returns:
        What is no file, folder or link, or lies too deep, and so is not copied; relative to ``source``.

    Raises:
        OSError: something cannot be read or written.
    """
    files, left, todo = [], [], [""]
    while todo:
        below = todo.pop()
        os.makedirs(target + below, exist_ok=True)
        with os.scandir(source + below) as found:
            for child in found:
                name = below + "/" + child.name
                if len(os.fsencode(name)) > LONGEST:
                    left.append(name[1:])
                elif child.is_dir(follow_symlinks=False):
                    todo.append(name)
                elif child.is_file(follow_symlinks=False) or child.is_symlink():
                    files.append(name)
                else:
                    left.append(name[1:])
    try:
        with ThreadPoolExecutor(16) as pool:
            for _ in pool.map(lambda name: _copy_file(source + name, target + name), files):
                moved()
    except RuntimeError as error:  # no process or thread more can be started
        raise OSError(errno.EAGAIN, str(error)) from None
    return left


def together(*owned: Mapping[str, Collection[str]]) -> Dict[str, Set[str]]:
    """Entry -> all entries that are one package with it, or share a folder with such: all of them are saved, or none.

    Args:
        owned: distributions, as :func:`distributions` gives them, now and before.
    """
    found: Dict[str, Set[str]] = {}
    for name in {name for each in owned for name in each}:
        joined = {entry for each in owned for entry in each.get(name, ())}
        # What Python compiled of modules that are one file each, of many packages.
        joined = {entry for entry in joined if entry and os.path.basename(entry) != "__pycache__"}
        for entry in list(joined):
            joined |= found.get(entry, set())
        found.update(dict.fromkeys(joined, joined))
    return found


def closure(entries: Collection[str], groups: Mapping[str, Collection[str]]) -> Set[str]:
    """``entries``, and all that are one package with one of them."""
    return {*entries, *(other for entry in entries for other in groups.get(entry, ()))}


def owners(named: Mapping[str, Collection[str]]) -> Dict[str, Set[str]]:
    """Return entries -> the distributions whose RECORD names something in them, of what :func:`distributions` returns."""
    found: Dict[str, Set[str]] = {}
    for name, entries in named.items():
        for entry in entries:
            found.setdefault(entry, set()).add(name)
    return found


def adopt(shape: Layout, source: str, target: str, without: Collection[str] = ()) -> List[str]:
    """Move what ``target`` has not got: packages by name, never a file of one version into another.

    Args:
        shape: of both folders.
        source: is used up.
        target: on the same file system.
        without: distributions, and entries that belong to none, that are skipped; with a slash: all in that folder.

    Returns:
        Entries that are in ``target`` now as they were in ``source``.

    Raises:
        OSError: something cannot be moved.
    """
    there = {*distributions(shape, target), *without}
    around = tuple(one for one in without if one.endswith("/"))
    owning, moved = owners(distributions(shape, source)), []
    for entry in list(shape.entries(source)):
        new, old = os.path.join(target, entry), os.path.join(source, entry)
        # A folder that several distributions share is theirs together.
        missing = entry in owning and not owning[entry] <= there
        whole = not os.path.lexists(new)
        skipped = entry in without or entry.startswith(around)
        if missing or (whole and entry not in owning and not skipped):
            clear_way(target, entry)
            merge(old, new)
            moved += [entry] if whole else []
    return moved
