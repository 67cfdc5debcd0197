"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def row(*cells: object) -> str:
    """Return one line of a table; nothing in a cell ends it."""
    return (
        "| "
        + " | ".join(" ".join(str(cell).replace("\\", "\\\\").replace("|", "\\|").split()) for cell in cells)
        + " |"
    )


def table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return a table's lines, and the empty one behind it."""
    return [row(*head), row(*["---"] * len(head)), *(row(*cells) for cells in rows), ""]
