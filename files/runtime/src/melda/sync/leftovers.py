"""What a container that was killed left in a folder, and the bucket has not got: an interrupted installation, or the user's own.

Nobody can tell the two apart but by the time: what changed in the last minutes among the packages, or is named by a RECORD, is
an installation's. All else is set aside, and not removed: the bucket may have refused it for hours.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Collection, Set

from melda.base import descriptors, folders
from melda.sync import distributions
from melda.sync.half_written import SETTLED
from melda.sync.tree import Layout


def _only(root: str, entry: str, recorded: Collection[str]) -> bool:
    """Is an entry a file, or a folder in which a RECORD names all files?"""
    below = os.walk(os.path.join(root, entry))
    return all(
        os.path.relpath(os.path.join(folder, name), root) in recorded
        for folder, folders_in, names in below
        for name in (*names, *(one for one in folders_in if os.path.islink(os.path.join(folder, one))))
    )


def _is_new(path: str) -> bool:
    """Did anything in it change so late that an installation may have been at it when the container was killed?"""
    found = [path, *(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)]
    newest = 0.0
    for one in found:
        with contextlib.suppress(OSError):
            newest = max(newest, os.lstat(one).st_ctime)
    return time.time() - newest < SETTLED


def of_nobody(shape: Layout, root: str, partial: Collection[str]) -> Set[str]:
    """Return those of ``partial`` that may be the user's own, as they are nowhere else.

    Args:
        shape, root: of the folder.
        partial: entries that are not saved, and belong to no complete package.
    """
    owned = {entry for each in distributions.distributions(shape, root).values() for entry in each}
    recorded = distributions.recorded(shape, root)
    found = set()
    for entry in partial:
        folder, name = os.path.split(entry)
        installed = folder == shape.packages or (entry in owned and _only(root, entry, recorded))
        if name != "__pycache__" and not (installed and _is_new(os.path.join(root, entry))):
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
