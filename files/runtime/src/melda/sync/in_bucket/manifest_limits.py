"""What of a folder goes into a manifest that every later start can read again."""

from __future__ import annotations

import json
from typing import Callable, Collection, Mapping, Set

from melda.sync.in_bucket import generations
from melda.sync.on_disk import distributions

FULL = "more entries, or longer names, than a manifest can hold"
OVERHEAD = 64  # bytes of an entry in a manifest, without its path


def beyond(
    entries: Collection[str], saved: Collection[str], groups: Callable[[], Mapping[str, Collection[str]]]
) -> Set[str]:
    """Return what must be left out, so that the rest fits into a manifest: as little as can be.

    What the bucket has stays, packages go before what belongs to none, short names before long ones.

    Args:
        entries: all that would be in it.
        saved: those that the bucket has.
        groups: entry -> all that are one package with it; called only if something must be left out.
    """
    most = generations.LARGEST - generations.RESERVE
    size = {entry: len(json.dumps(entry)) + OVERHEAD for entry in entries}
    if len(size) <= generations.MOST_ENTRIES and sum(size.values()) <= most:
        return set()
    owned, total, left = groups(), 0, set()
    for place, entry in enumerate(sorted(size, key=lambda one: (one not in saved, one not in owned, size[one], one))):
        total += size[entry]
        if place >= generations.MOST_ENTRIES or total > most:
            left.add(entry)
    return distributions.closure(left, owned)
