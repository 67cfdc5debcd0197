"""The commands in the pages, and who runs them.

A block of code is tagged ``test`` (```` ```sh test ````: ``tests/container/test_docs.py`` runs it as it stands), or the line
before it names the tests that run these commands: ``<!-- run by tests/unit/test_inventory.py::test_hosts_and_their_groups -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(
    r"(?:^<!-- run by (?P<by>[^>]+?) -->\n)?^```(?P<language>\w+)(?P<tags>[^\n`]*)\n(?P<code>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
# What a text is, and nobody runs.
TEXTS = ("text", "json", "yaml", "dockerfile", "ini", "mermaid")


class Block(NamedTuple):
    """Some commands of a page.

    Attributes:
        page: where they stand.
        line: of the page, from 1.
        language: ``sh``, ``python``, ``r``, ...
        tested: they run as they stand.
        slow: only in `make test-all` (```` ```sh test full ````).
        by: the tests that run the same.
        code: the commands.
    """

    page: Path
    line: int
    language: str
    tested: bool
    slow: bool
    by: tuple[str, ...]
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def of(page: Path) -> list[Block]:
    """Return the blocks of a page, but for texts."""
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["tags"].split() in (["test"], ["test", "full"]),
            "full" in found["tags"].split(),
            tuple((found["by"] or "").replace(",", " ").split()),
            found["code"],
        )
        for found in BLOCK.finditer(text)
        if found["language"] not in TEXTS
    ]
