"""What a container that was killed left in a folder, and the bucket has not got: an interrupted installation, or the user's own.

Removed is only what a RECORD tells to be an installation's, and changed in the last minutes. All else is set aside: the
bucket may have refused the user's work for hours, and the last minute's change says nothing of the rest.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
from typing import Collection, Iterator, Mapping, Set

from melda.base import descriptors, folders, regular_files
from melda.sync.on_disk import distributions
from melda.sync.on_disk.half_written import SETTLED
from melda.sync.on_disk.tree import Layout


def _raise(error: OSError) -> None:
    raise error


def _below(path: str) -> Iterator[str]:
    """Return the file, or the files and links in the folder; without what Python compiles, which comes with an import.

    Raises:
        OSError: a folder cannot be read, so that there may be anything in it.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        yield path
        return
    for folder, inner, names in os.walk(path, onerror=_raise):
        inner[:] = [name for name in inner if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names)
        yield from (one for one in (os.path.join(folder, name) for name in inner) if os.path.islink(one))


def _is_as_recorded(path: str, digest: str) -> bool:
    """Is a file as its RECORD says? Where that has no digest the name is enough."""
    if not digest:
        return True
    try:
        with open(regular_files.descriptor(path, follow=False), "rb") as stream:
            found = hashlib.sha256()
            for chunk in iter(lambda: stream.read(regular_files.CHUNK), b""):
                found.update(chunk)
    except OSError:
        return False
    return digest == "sha256=" + base64.urlsafe_b64encode(found.digest()).decode("ascii").rstrip("=")


def _is_new(path: str) -> bool:
    """Did anything in it change so late that an installation may have been at it when the container was killed?"""
    newest = 0.0
    for one in (path, *_below(path)):
        with contextlib.suppress(OSError):
            newest = max(newest, os.lstat(one).st_ctime)
    return time.time() - newest < SETTLED


def _is_installed(root: str, entry: str, recorded: Mapping[str, str]) -> bool:
    """Is there nothing in an entry but what a RECORD names, as it was installed?"""
    files = [(path, recorded.get(os.path.relpath(path, root))) for path in _below(os.path.join(root, entry))]
    return all(digest is not None and _is_as_recorded(path, digest) for path, digest in files)


def of_nobody(shape: Layout, root: str, partial: Collection[str]) -> Set[str]:
    """Return those of ``partial`` that may be the user's own, as they are nowhere else.

    That the bucket has an older state of one proves nothing: what the user did since then is not there.

    Args:
        shape, root: of the folder.
        partial: entries that are not saved, and belong to no complete package.
    """
    owned = {entry for each in distributions.distributions(shape, root).values() for entry in each}
    infos = {entry for each in distributions.infos(shape, partial).values() for entry in each}
    recorded = distributions.recorded(shape, root)
    found = set()
    for entry in partial:
        installers = False
        with contextlib.suppress(OSError):
            installers = (
                entry in owned
                and _is_new(os.path.join(root, entry))
                and (entry in infos or _is_installed(root, entry, recorded))
            )
        if os.path.basename(entry) != "__pycache__" and not installers:
            found.add(entry)
    return found


def set_aside(root: str, entries: Collection[str]) -> Set[str]:
    """Give entries another name in their folder, under which they are saved like any others.

    Returns:
        The new names; of those that have one already, none.

    Raises:
        OSError: one cannot be renamed.
    """
    return {
        folders.set_aside(os.path.join(root, entry)) for entry in entries if not descriptors.SET_ASIDE.search(entry)
    }
