"""Lines of requirements as pip has them: without comments, continued ones joined."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, Tuple

# What word processors and pages of the web make of a line.
QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\xa0", "''\"\" ", "\u200b\ufeff")
TYPED: Dict[int, Any] = {**QUOTES, 0x2264: "<=", 0x2265: ">="}
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(\s|$)")
# What pip says beside its lists, and their heading.
CHATTER = re.compile(
    r"^(\[notice\]|WARNING:|DEPRECATION:|Collecting |Requirement already satisfied|Note: you may need|-{3}[-\s]*$"
    r"|\|(?=.*---)[|:\s-]+$|```"
    r"|pip freeze|pip list|[%!>$]\s*(?:pip|conda)\s+(?:freeze|list)\b)"
)


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
