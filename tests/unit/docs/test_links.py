"""Every link of every page leads somewhere, in the repository and on the site; what leads nowhere is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.tools import ROOT, links

PAGES = links.tracked("*.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_repository_leads_somewhere(page: Path) -> None:
    assert links.of_page(page) == []


def test_every_page_that_a_file_names_is_there() -> None:
    wrong = []
    for file in links.tracked(
        "*.py", "*.md", "*.yaml", "*.toml", "*.sh", "*.env", "Makefile", "Dockerfile*", "files", "builder"
    ):
        text = file.read_text(errors="replace")
        for name in re.findall(r"(?<![\w./-])docs/[\w/-]+\.md", text):
            if not (ROOT / name).exists() and "tests/unit/docs" not in str(file):
                wrong.append(f"{file.relative_to(ROOT)}: {name}")
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](b.md)", ["page.md: b.md leads nowhere"]),
        ("[a](other.md#here)", []),
        ("[a](other.md#there)", ["page.md: other.md#there: there is no such heading"]),
        ("[a](#twice-1)\n\n# Twice\n\n# Twice", []),
        ("[a](#twice-2)\n\n# Twice\n\n# Twice", ["page.md: #twice-2: there is no such heading"]),
        ("`[a](b.md)` and\n\n```sh\n[a](b.md)\n# here\n```", []),
        ("[a](#here)\n\n```sh\n# here\n```", ["page.md: #here: there is no such heading"]),
        ("[a](https://example.org/b.md)", []),
        ("![a](b.png)", ["page.md: b.png leads nowhere"]),
    ],
)
def test_links_in_markdown(tmp_path: Path, text: str, wrong: list[str]) -> None:
    (tmp_path / "other.md").write_text("# Here\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert links.of_page(page) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('<a href="b.html">', "b.html leads nowhere"),
        ('<a href="other.html#here">', ""),
        ('<a href="other.html#there">', "other.html#there leads nowhere"),
        ('<a href="https://example.org">', ""),
        ('<img src="https://example.org/a.png">', "https://example.org/a.png is fetched from another host"),
        ('<script src="//example.org/a.js"></script>', "//example.org/a.js is fetched from another host"),
        ('<link rel="stylesheet" href="a.css">', "a.css leads nowhere"),
        ('<img src="data:image/png;base64,AAAA">', ""),
    ],
)
def test_links_of_a_site(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "page.html").write_text(text)
    assert links.of_site(tmp_path) == ([f"page.html: {wrong}"] if wrong else [])


def test_fonts_of_another_host(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import url('https://fonts.example.org/a.css'); b { background: url(here.png) }")
    assert links.of_site(tmp_path) == ["a.css: https://fonts.example.org/a.css is fetched from another host"]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_an_anchor_is_one_word(heading: str) -> None:
    assert not re.search(r"[\s`()#.,:;!?'\"]", links.anchor(re.sub(r"\s+", " ", heading)))
