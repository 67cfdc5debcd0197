"""Of the versions that can be had, the one nearest to the one that cannot."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, List


def _nearest(wanted: Any, available: Iterable[str], key: Callable[[str], Any]) -> str:
    """Return the highest that is not above ``wanted``, as that has nothing that is not in it; else the lowest above."""
    below: List[str] = []
    above: List[str] = []
    for one in available:
        try:
            (below if key(one) <= wanted else above).append(one)
        except ValueError:
            continue
    return max(below, key=key) if below else min(above, key=key) if above else ""


def of_python(wanted: str, available: Iterable[str]) -> str:
    """Return the version nearest to ``wanted``; empty if there is none."""
    from packaging.version import Version  # noqa: PLC0415 not with the launcher's Python

    try:
        return _nearest(Version(wanted), [one.strip() for one in available], Version)
    except ValueError:
        return ""


def r_key(version: str) -> List[int]:
    """Return what R compares of a version.

    Raises:
        ValueError: it is none.
    """
    return [int(part) for part in re.split("[.-]", version)]


def of_r(wanted: str, available: Iterable[str]) -> str:
    """Return the version nearest to ``wanted``; empty if there is none."""
    return _nearest(r_key(wanted), available, r_key)
