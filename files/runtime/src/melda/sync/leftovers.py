"""What a container that was killed left in a folder, and the bucket has not got: an interrupted installation, or the user's own.

Nobody can tell the two apart where no RECORD names a file: such are set aside, and never removed.
"""

from __future__ import annotations

import os
import re
from typing import Collection, Set

from melda.base import folders
from melda.sync import distributions
from melda.sync.tree import Layout

ASIDE = re.compile(r"set-aside-[0-9a-f]{8}$")  # as folders.aside names them


def _only(root: str, entry: str, recorded: Collection[str]) -> bool:
    """Is an entry a file, or a folder in which a RECORD names all files?"""
    below = os.walk(os.path.join(root, entry))
    return all(
        os.path.relpath(os.path.join(folder, name), root) in recorded
        for folder, folders_in, names in below
        for name in (*names, *(one for one in folders_in if os.path.islink(os.path.join(folder, one))))
    )


def of_nobody(shape: Layout, root: str, partial: Collection[str], held: Collection[str]) -> Set[str]:
    """Return those of ``partial`` that may be the user's own, as they are nowhere else.

    Args:
        shape, root: of the folder.
        partial: entries that are not saved, and belong to no complete package.
        held: entries that the bucket has. Beside the packages (``bin``, ``share``) it may have an older state of them.
    """
    owned = {entry for each in distributions.distributions(shape, root).values() for entry in each}
    recorded = distributions.recorded(shape, root)
    found = set()
    for entry in partial:
        folder, name = os.path.split(entry)
        is_package = folder == shape.packages
        installed = entry in owned and (is_package or _only(root, entry, recorded))
        if not (name == "__pycache__" or installed or (is_package and entry in held)):
            found.add(entry)
    return found


def set_aside(root: str, entries: Collection[str]) -> Set[str]:
    """Give entries another name in their folder, under which they are saved like any others.

    Returns:
        The new names; of those that have one already, none.

    Raises:
        OSError: one cannot be renamed.
    """
    return {folders.aside(os.path.join(root, entry)) for entry in entries if not ASIDE.search(entry)}
