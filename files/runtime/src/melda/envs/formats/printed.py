"""Rows of what programs print: pip list, pipdeptree, poetry show, conda list."""

from __future__ import annotations

import re
from typing import List

TREE = re.compile(
    r"[\s\u2500-\u257f|`+-]*(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,. -]*\])?\s+"
    r"(?:\[required: .*installed: (?P<there>\S+)\]|v(?P<version>\d\S*)(\s+\(.*\))?)"
)
HEADING = re.compile(r"^package\s+version\b", re.IGNORECASE)
LISTED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)\s+(?:\(!\)\s+)?\(?(?P<version>\d[\w.!+-]*)\)?(?P<rest>\s+.*)?$")
PLACE = re.compile(r"\s+(/|[A-Za-z]:\\)")
BUILD = re.compile(r"\s+(?P<build>[\w.]*_\d+)(\s.*)?")


def project(lines: List[str]) -> str:
    """Return the line of a tree's one root, which uv tree has for the project itself; empty: it has several, or none."""
    tree = [one for one in lines if TREE.fullmatch(one)]
    roots = [one for one in tree if one[0].isalnum() and "[required" not in one]
    return roots[0] if len(roots) == 1 < len(tree) else ""
