"""What leads nowhere on the site, and what a page would fetch from another host, is found; Sphinx finds it in the Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.tools import ROOT, links


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
