"""When a container stops: which entries may be half written, so that the bucket keeps what it has of them."""

from __future__ import annotations

from typing import Callable, Collection, Mapping, Set

from melda.sync.on_disk import distributions
from melda.sync.on_disk.debounce import QUIET
from melda.sync.on_disk.tree import Layout

SETTLED = 180.0  # seconds without a change after which it is as it is meant to be, whatever seems to go on


def doubtful(
    shape: Layout,
    root: str,
    pending: Set[str],
    groups: Mapping[str, Collection[str]],
    seconds: Callable[[str], float],
    interrupted: bool,
) -> Set[str]:
    """Return those of ``pending`` that must not be saved.

    Args:
        shape, root: of the folder.
        pending: entries that are not in the bucket as they are here, or that are not here any more.
        groups: entry -> all that are one package with it.
        seconds: how long an entry has been as it is.
        interrupted: somebody was installing. Then only what is certainly whole is saved.
    """
    whole, here = distributions.complete(shape, root), pending & set(shape.entries(root))
    sure = {entry for entry in pending if seconds(entry) >= SETTLED}
    if not interrupted:
        owned = {entry for each in distributions.distributions(shape, root).values() for entry in each}
        return distributions.closure((here & owned) - whole - sure, groups)
    sure |= {entry for entry in here & whole if seconds(entry) >= QUIET}
    # An upgrade takes away before it brings: what went is only gone if what comes instead is there.
    gone = {entry for entry in pending - here - sure if not here & sure & set(groups.get(entry, ()))}
    return distributions.closure(here - sure, groups) | gone
