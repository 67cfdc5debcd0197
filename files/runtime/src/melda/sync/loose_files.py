"""What belongs to no package in the folder of another Python: data and kernels are taken over, and the rest is named."""

from __future__ import annotations

import contextlib
import os
from typing import List, NamedTuple

from melda.base import folders, log
from melda.base.log import Say
from melda.base.paths import PROJECT_STATE
from melda.sync.on_disk import distributions, tree
from melda.sync.relocation import TOOLS, relocate
from melda.sync.restoring import brought
from melda.sync.upgrade_plan import Due, link_each

WORK = "carried-over-data"  # folder for what is on its way, beside where it goes
# In ``share``, but made for a package: of no use where that is not installed, or is another version.
OF_PACKAGES = tuple(f"share/{name}/" for name in ("jupyter/labextensions", "jupyter/nbextensions", "man", "doc", "uv"))


class Loose(NamedTuple):
    """What no package has of a folder.

    Attributes:
        taken: how many entries were taken over.
        left: entries that were not; of uv's tools the tools alone.
    """

    taken: int
    left: List[str]


def of_no_package(shape: tree.Layout, root: str) -> List[str]:
    """Return the entries of a Python's folder that no package has, but what Python compiled."""
    owned = {entry for entries in distributions.distributions(shape, root).values() for entry in entries}
    return sorted(
        entry for entry in shape.entries(root) if entry not in owned and os.path.basename(entry) != "__pycache__"
    )


def _is_uvs(root: str, entry: str) -> bool:
    """Find out whether an entry comes again with uv's tools: a link to one of them, or what uv keeps beside them."""
    path = os.path.join(root, entry)
    if entry.startswith("bin/") and os.path.islink(path):
        return f"/{TOOLS}/" in os.readlink(path)
    return entry.startswith("share/uv/") and (entry.startswith(TOOLS + "/.") or not entry.startswith(TOOLS + "/"))


def _unpack(name: str, work: str, ours: str, say: Say) -> str:
    """Bring a folder from the bucket, and change nothing there."""
    for generation, parts in brought(name, work, ours, lambda text, level="": None).damaged.items():
        say(f"{name}: {len(parts)} archives of {generation} are damaged or gone", log.WARNING)
    return os.path.join(work, name)


def take(workdir: str, local: str, due: Due, say: Say) -> Loose:
    """Fill a folder with what another X.Y has in ``share`` of the user's own. What is there stays.

    Args:
        workdir, local, say: as for :class:`Project`.
        due: what is to be filled from where.

    Raises:
        OSError: something cannot be read or written.
    """
    shape, ours = tree.layout(due.source), os.path.join(workdir, PROJECT_STATE)
    if not shape.packages:
        return Loose(0, [])
    work = os.path.join(local or ours, WORK)
    data = os.path.join(work, "data")
    folders.remove(work)
    folders.make(data)
    try:
        source = _unpack(due.source, work, ours, say) if local else os.path.join(workdir, due.source)
        found = of_no_package(shape, source)
        chosen = [entry for entry in found if entry.startswith("share/") and not entry.startswith(OF_PACKAGES)]
        left = [entry for entry in found if entry not in chosen and not _is_uvs(source, entry)]
        link_each(source, data, chosen, say)
        relocate(data, *(os.path.join(workdir, name) for name in (due.source, due.target)))
        moved = distributions.adopt(tree.layout(due.target), data, os.path.join(local or workdir, due.target))
    finally:
        with contextlib.suppress(OSError):
            folders.remove(work)
    return Loose(len(moved), left)
