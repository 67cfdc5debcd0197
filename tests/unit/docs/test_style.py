"""What a reader meets: table cells of at most two lines, and answers of CONTRIBUTING that name a file which is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.tools import ROOT, links

# Generated, or for auditors.
LEFT_OUT = ("docs/reference", "bench")
FENCE = re.compile(r"^(```+|~~~+).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in links.tracked("*.md") if not str(page.relative_to(ROOT)).startswith(LEFT_OUT)]
LONGEST = 120
QUESTIONS = re.findall(
    r"^\| (.+\?) \| (.+) \|$", (ROOT / "CONTRIBUTING.md").read_text().split("## Which file")[1], re.MULTILINE
)


def cells(text: str) -> list[str]:
    """The cells of all tables of a page, as a reader sees them."""
    rows = [row for row in FENCE.sub("", text).splitlines() if row.startswith("|")]
    found = [cell for row in rows for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    return [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell).replace("`", "").strip() for cell in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_cell_is_longer_than_two_lines(page: Path) -> None:
    assert [cell for cell in cells(page.read_text()) if len(cell) > LONGEST] == []


def test_a_long_cell_is_found() -> None:
    assert cells("| a | [b](c.md) `d` |\n") == ["a", "b d"]


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 22


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_the_files_that_answer_are_there(question: str, answer: str) -> None:
    names = [name for name in re.findall(r"`([^`]+)`", answer) if re.search(r"\.\w+$", name)]
    assert names, question
    folder = ROOT
    for name in names:
        path = ROOT / re.sub("^melda/", "files/runtime/src/melda/", name)
        path = path if "/" in name or path.exists() else folder / name  # beside the one before it
        assert list(path.parent.glob(path.name)), f"{question} {name}"
        folder = path.parent
