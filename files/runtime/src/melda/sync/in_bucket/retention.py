"""Which earlier generations of a plugin folder are kept, so that somebody can go back to one.

A generation that nobody needs any more gets the ending ``.old`` in place of being removed: no start reads it. Its archives
stay as long as a manifest names them.
"""

from __future__ import annotations

from typing import Iterable, List, Mapping, Set

from melda.sync.in_bucket.generations import Generation

LAST, DAYS = 20, 30.0  # generations that are kept, and those that are younger
MOST = 100  # generations
SPACE, TIMES = 1 << 30, 2  # bytes of archives that only they need: so many, or so many times what is in use


def space(history: Iterable[Generation], live: Iterable[Generation]) -> int:
    """Return the bytes of the archives that only earlier generations need."""
    used = {name for generation in live for name in generation.parts}
    parts = {name: part.size for one in history for name, part in one.parts.items() if name not in used}
    return sum(parts.values())


def superfluous(history: Mapping[str, Generation], live: Iterable[Generation], now: float) -> Set[str]:
    """Return the earlier generations that are kept no longer.

    Args:
        history: all of them.
        live: those that a start reads.
        now: seconds since 1970.
    """
    live = list(live)
    in_use = {name: part.size for generation in live for name, part in generation.parts.items()}
    most = max(SPACE, TIMES * sum(in_use.values()))
    newest = sorted(history, key=lambda name: (history[name].number, history[name].created, name), reverse=True)
    kept: List[Generation] = []
    for place, name in enumerate(newest):
        one = history[name]
        recent = place < LAST or now - one.created < DAYS * 86400
        # All that is older than one that is too much goes too: what is kept has no holes.
        if place >= MOST or not recent or space([*kept, one], live) > most:
            return set(newest[place:])
        kept.append(one)
    return set()
