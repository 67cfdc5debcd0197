"""How old what an answer says is, by a record of what was changed and when."""

from __future__ import annotations

import math
from collections.abc import Sequence

# When a change began and when it was complete, and the version from then on; None: there is none.
Change = tuple[float, float, str | None]


def seconds(changes: Sequence[Change], asked: float, answered: float, seen: str | None) -> float:
    """Seconds before ``asked`` until which ``seen`` was true; 0 if it was at some moment from there to ``answered``.

    Args:
        changes: in order; before the first there was nothing installed.
        asked: when the answer was asked for.
        answered: when it had come.
        seen: the version in it.

    Returns:
        Infinity if it was not true at any time before ``answered``.
    """
    began = [-math.inf, *(change[0] for change in changes)]
    ended = [*(change[1] for change in changes), math.inf]
    versions = [None, *(change[2] for change in changes)]
    true = [
        end for start, end, version in zip(began, ended, versions, strict=True) if version == seen and start <= answered
    ]
    return max(0.0, asked - max(true)) if true else math.inf
