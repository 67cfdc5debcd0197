"""Names of R packages, and what Debian and r2u call them."""

from __future__ import annotations

import re
from typing import Collection, Dict, Iterable, List, Tuple

# Debian's R policy; r2u follows it. CRAN first: that is where install.packages() looks.
PREFIXES = ("r-cran-", "r-bioc-", "r-other-")
LONGEST = 100


def _checked(names: Iterable[str], pattern: str, expected: str) -> List[str]:
    found = [str(name) for name in names]
    for name in found:
        if not re.fullmatch(pattern, name) or len(name) > LONGEST:
            raise ValueError(f"{name[:LONGEST]!r} is not the name of {expected}")
    return found


def check(names: Iterable[str]) -> List[str]:
    """``names``, if each can be an R package's ("Writing R Extensions", 1.1.1).

    Raises:
        ValueError: one cannot; it says which.
    """
    return _checked(names, r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]", "an R package: letters, digits and dots")


def check_debian(names: Iterable[str]) -> List[str]:
    """``names``, if each is the name of a Debian package with an R package in it.

    Raises:
        ValueError: one is not; it says which.
    """
    debians = r"r-(cran|bioc|other)-[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
    return _checked(names, debians, "a Debian package of R: r-cran-NAME")


def in_debian(names: Iterable[str], known: Collection[str]) -> Tuple[Dict[str, str], List[str]]:
    """Return what Debian calls R packages.

    Returns:
        R name -> Debian name of those that are known, and the R names of those that are not.
    """
    found: Dict[str, str] = {}
    for name in names:
        for prefix in PREFIXES:
            if prefix + name.lower() in known:
                found.setdefault(name, prefix + name.lower())
    return found, [name for name in names if name not in found]
