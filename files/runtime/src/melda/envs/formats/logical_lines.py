"""Lines of requirements as pip has them: without comments, continued ones joined."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple

from melda.base.addresses import hide
from melda.envs import links

# What word processors and pages of the web make of a line.
QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\xa0", "''\"\" ", "\u200b\ufeff\x1a")
TYPED: Dict[int, Any] = {**QUOTES, 0x2264: "<=", 0x2265: ">="}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(\s|$)")
# What pip says beside its lists, and their heading.
CHATTER = re.compile(
    r"^(\[notice\]|WARNING:|DEPRECATION:|Collecting |Requirement already satisfied|Note: you may need|-{3}[-\s]*$"
    r"|\|(?=.*---)[|:\s-]+$|```"
    r"|pip freeze|pip list|[%!>$]\s*(?:pip|conda)\s+(?:freeze|list)\b)"
)
# Rows of what programs print: pip list, pipdeptree, poetry show, conda list.
TREE = re.compile(
    r"[\s\u2500-\u257f|`+-]*(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,. -]*\])?\s+"
    r"(?:\[required: .*installed: (?P<there>\S+)\]|v(?P<version>\d\S*)(\s+\(.*\))?)"
)
HEADING = re.compile(r"^package\s+version\b", re.IGNORECASE)
LISTED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)\s+(?:\(!\)\s+)?\(?(?P<version>\d[\w.!+-]*)\)?(?P<rest>\s+.*)?$")
PLACE = re.compile(r"\s+(/|[A-Za-z]:\\)")
BUILD = re.compile(r"\s+(?P<build>[\w.]*_\d+)(\s.*)?")


def numbered(text: str) -> Iterator[Tuple[int, str]]:
    """Yield numbered lines without comments, continued ones joined, as pip does it."""
    number, joined = 0, ""
    for at, raw in enumerate(text.translate(TYPED).splitlines(), 1):
        number = number or at
        if raw.rstrip().endswith("\\") and not re.match(r"\s*#", raw):
            joined += raw.rstrip()[:-1] + " "
            continue
        one = re.sub(r"(^|\s)#.*$", "", joined + raw).strip()
        if one:
            yield number, one
        number, joined = 0, ""
    if joined.strip():
        yield number, joined.strip()


def name(given: str) -> str:
    """Return the name of what a line is about, or the line itself."""
    given = re.sub(r"^(-e|--editable|-r|--requirement|-c|--constraint)[= ]*", "", given)
    found = NAME.match(given)
    if links.is_link(given):
        egg = re.search(r"#(?:.*&)?egg=([\w.-]+)", given)
        return egg.group(1) if egg else hide(given)[:100]
    after = given[found.end() :][:1] if found else "?"
    return found.group(0) if found and (not after or after in " =<>!~[;@,(") else hide(given)[:100]


def root(lines: List[str]) -> str:
    """Return the line of a tree's one root, which uv tree has for the project itself; empty: it has several, or none."""
    tree = [one for one in lines if TREE.fullmatch(one)]
    roots = [one for one in tree if one[0].isalnum() and "[required" not in one]
    return roots[0] if len(roots) == 1 < len(tree) else ""
