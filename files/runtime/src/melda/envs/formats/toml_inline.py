"""Inline tables of TOML over several lines, as version 1.1 has them, and pixi: the libraries here read 1.0.

https://toml.io/en/v1.1.0#inline-table
"""

from __future__ import annotations

import re
from typing import List

# A string that is closed, a comment, or what begins, ends and parts.
TOKEN = re.compile(
    r"\"\"\"(?:\\.|[^\\])*?\"\"\"|\'\'\'.*?\'\'\'|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|(?P<comment>\#[^\n]*)|(?P<mark>[\[\]{},\n])|"
    r"[^\"'\#\[\]{},\n]+|.",
    re.DOTALL,
)


HEADING = re.compile(r"^(?=\[{1,2}[\w.\"' -]+\]{1,2}[ \t]*(?:#.*)?$)", re.MULTILINE)
LONGEST = 100_000  # characters of a table: where a string is not closed, each quote looks for its end


def joined(text: str) -> str:
    """Return a text in which each inline table is one line, and all lines below it stay where they are: messages name them."""
    return "".join(_block(one) if len(one) < LONGEST else one for one in HEADING.split(text))


def _block(text: str) -> str:
    """Return what stands below one heading; as it is, if an inline table is not closed there."""
    found: List[str] = []
    opened: List[str] = []
    lines = depth = comma = 0
    for one in TOKEN.finditer(text):
        token, mark = one.group(), one.group("mark") or ""
        if depth and (mark == "\n" or one.group("comment")):
            lines += mark == "\n"
            continue
        if mark in ("[", "{"):
            opened.append(mark)
            depth += mark == "{"
        elif mark in ("]", "}") and opened:
            depth -= opened.pop() == "{"
            if mark == "}" and comma:  # the last one, which 1.0 does not allow
                found[comma] = ""
        comma = len(found) if mark == "," else comma if not token.strip() else 0
        found.append(token)
        if not depth:
            found.append("\n" * lines)
            lines = 0
    return text if depth else "".join(found)
