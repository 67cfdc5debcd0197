"""The navigation: what docs/index.md lists, and nothing is left out."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.tools import ROOT, contents, sources

TEXT = "# All\n\n## Start\n\n- [First](a.md): words\n- [Readme](../README.md)\n\n## Then\n\n- [Deep](b/c.md)\n- [Elsewhere](https://example.org)\n"


def test_sections() -> None:
    assert contents.sections(TEXT) == [
        ("Start", {"docs/a": "First", "README": "Readme"}),
        ("Then", {"docs/b/c": "Deep"}),
    ]


def test_a_page_that_no_list_names_is_there_too() -> None:
    made = contents.toctrees(TEXT, {"docs/index", "docs/a", "README", "docs/b/c", "docs/new"})
    assert ":caption: More\n:hidden:\n\n/docs/new\n" in made
    assert "More" not in contents.toctrees(TEXT, {"docs/index", "docs/a", "README", "docs/b/c"})


def test_the_pages_of_a_folder_are_below_the_page_of_that_name() -> None:
    pages = {"docs/index", "docs/new", "docs/new/0001-a", "docs/new/0002-b", "docs/other/c"}
    made = contents.toctrees("", pages)
    assert "/docs/new\n" in made and "/docs/other/c" in made and "0001-a" not in made
    assert "\n/docs/new/0001-a\n/docs/new/0002-b\n" in contents.subtree("docs/new", pages)
    assert contents.subtree("docs/other/c", pages) == ""


@given(st.sets(st.text(string.ascii_lowercase, min_size=1, max_size=8).map("docs/".__add__)))
def test_every_page_is_in_the_navigation_once(pages: set[str]) -> None:
    made = contents.toctrees(TEXT, pages)
    named = [line.strip("/").split("</")[-1].rstrip(">") for line in made.splitlines() if "/" in line]
    assert len(named) == len(set(named))
    assert pages - {contents.INDEX} <= set(named)


def test_the_index_lists_no_page_that_is_not_there() -> None:
    listed = {page for _, named in contents.sections((ROOT / "docs" / "index.md").read_text()) for page in named}
    assert [page for page in listed if not (ROOT / f"{page}.md").is_file()] == []


@pytest.mark.parametrize(
    ("document", "link", "path"),
    [
        ("docs/vm", "../group_data/all.py", "group_data/all.py"),
        ("README", "tasks", "tasks"),
        ("README", "deploy.py#there", "deploy.py"),
        ("README", "nothing", None),
        ("docs/vm", "../../../etc/passwd", None),
    ],
)
def test_what_a_link_leads_to(document: str, link: str, path: str | None) -> None:
    assert sources.target(document, link) == path
