"""Tables and code in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from builder import markdown


def code(*words: str) -> str:
    """Words as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as text."""
    return "\n".join(markdown.table(tuple(head), rows))


def sentence(text: str) -> str:
    """Return the first paragraph of a docstring on one line, without the marks of reStructuredText."""
    first = " ".join((text or "").strip().split("\n\n")[0].split())
    return first.replace(":mod:", "").replace("``", "`")
