"""Every command in the pages is run by a test: by test_docs.py as it stands, or by the test that the line before it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.tools import ROOT, blocks, links
from docs.tools.blocks import Block

FOUND = [block for page in links.tracked("*.md") for block in blocks.of(page)]
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
VARIABLES = set(re.findall(r"^([A-Z]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))


def is_there(test: str) -> bool:
    """Is it a test of this repository, or what CI itself runs?"""
    if test == ".ci/run":
        return True
    path, _, name = test.partition("::")
    file = ROOT / path
    return file.is_file() and re.search(rf"^def {name}\(", file.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("block", FOUND, ids=str)
def test_somebody_runs_it(block: Block) -> None:
    assert block.tested != bool(block.by), (
        f"{block}: tag it `test` (tests/container/test_docs.py runs it), or name the test that runs these commands"
        " in a line before it: <!-- run by tests/...::test_... -->"
    )
    assert [test for test in block.by if not is_there(test)] == []


@pytest.mark.parametrize("block", [block for block in FOUND if block.language == "sh"], ids=str)
def test_what_it_asks_make_for_is_there(block: Block) -> None:
    for line in re.findall(r"(?:^|&& |; )make (.+?)(?:#|$)", block.code, re.MULTILINE):
        words = re.sub(r"\"[^\"]*\"", "", line).split()
        assert {word for word in words if "=" not in word} <= TARGETS, line
        assert {word.partition("=")[0] for word in words if "=" in word} <= VARIABLES, line


def test_every_page_is_looked_at() -> None:
    fences = sum(len(re.findall(r"^```\w", page.read_text(), re.MULTILINE)) for page in links.tracked("*.md"))
    texts = sum(
        len(re.findall(rf"^```(?:{'|'.join(blocks.TEXTS)})\b", page.read_text(), re.MULTILINE))
        for page in links.tracked("*.md")
    )
    assert len(FOUND) == fences - texts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```sh test\nls\n```\n", [("sh", True, (), "ls\n")]),
        ("```sh\nls\n```\n", [("sh", False, (), "ls\n")]),
        ("<!-- run by a.py::b, c.py::d -->\n```sh\nls\n```\n", [("sh", False, ("a.py::b", "c.py::d"), "ls\n")]),
        ("<!-- run by a.py::b -->\n\n```sh\nls\n```\n", [("sh", False, (), "ls\n")]),
        ("```text\nls\n```\n\n```r test\n1\n```\n", [("r", True, (), "1\n")]),
        ("```sh test full\nls\n```\n", [("sh", True, (), "ls\n")]),
        ("```sh tset\nls\n```\n", [("sh", False, (), "ls\n")]),
        ("```\nls\n```\n", []),
    ],
)
def test_blocks(tmp_path: Path, text: str, found: list[tuple[str, bool, tuple[str, ...], str]]) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [(one.language, one.tested, one.by, one.code) for one in blocks.of(page)] == found


def test_an_unknown_test_is_found() -> None:
    assert not is_there("tests/unit/docs/test_blocks.py::test_that_is_not_there")
    assert not is_there("tests/unit/docs/nothing.py::test_blocks")
    assert is_there("tests/unit/docs/test_blocks.py::test_blocks")
