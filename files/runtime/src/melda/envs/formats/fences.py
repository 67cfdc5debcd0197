"""Fenced blocks of code in a document, as https://spec.commonmark.org/0.31.2/#fenced-code-blocks has them."""

from __future__ import annotations

import functools
import re
from typing import List, Set, Tuple

FENCE = re.compile(r"[ \t]*(?P<mark>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<info>.*)")


def lines(text: str) -> Set[int]:
    """Return the numbers of the lines that stand in fences, from 1."""
    return {at + 1 for _, inside in read(text) for at in inside}


@functools.lru_cache(maxsize=2)  # each reader of a format asks for those of the same text
def read(text: str) -> List[Tuple[str, List[int]]]:
    """Return the name of each fence and the lines in it, from 0; nothing where one is not closed.

    Nobody changes what is returned: it is kept.
    """
    found: List[Tuple[str, List[int]]] = []
    opened = ""
    before, lines = "", text.splitlines()
    for at, line in enumerate(lines):
        mark = FENCE.fullmatch(line)
        # What reStructuredText has below a heading is none; an empty line follows there.
        if mark and not opened and re.fullmatch("~+", line) and 0 < len(before.strip()) <= len(line):
            mark = mark if "".join(lines[at + 1 : at + 2]).strip() else None
        before = line
        if mark and not opened:
            opened = mark.group("mark")
            found.append((re.sub(r"\W", "", re.split(r"[\s,}]", mark.group("info"))[0]).lower(), []))
        elif mark and not mark.group("info") and mark.group("mark").startswith(opened):
            opened = ""
        elif opened:
            found[-1][1].append(at)
    return [] if opened else found
