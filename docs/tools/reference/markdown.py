"""Tables and code in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def code(*words: str) -> str:
    """Words as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a bar in a cell does not end it."""
    names = list(head)
    lines = [names, ["---"] * len(names)]
    lines += [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def sentence(text: str) -> str:
    """Return the first paragraph of a docstring on one line, without the marks of reStructuredText."""
    first = " ".join((text or "").strip().split("\n\n")[0].split())
    return first.replace(":mod:", "").replace("``", "`")
