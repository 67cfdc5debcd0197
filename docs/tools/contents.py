"""The navigation: the lists of docs/index.md, and after them every page that no list names yet.

So there is one table of contents, which reads well in the repository too, and a new page never breaks the build. The pages
of a folder that is called like a page (docs/decisions.md, docs/decisions/) are below that page.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INDEX = "docs/index"


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Each heading of the second level with the pages that its list names, by their names in Sphinx, and their links' words."""
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        links = re.findall(r"^- \[([^]]*)\]\(([^)#]+)\.md\)", body, re.MULTILINE)
        found.append(
            (title.strip(), {posixpath.normpath(posixpath.join("docs", link)): words for words, link in links})
        )
    return found


def toctrees(text: str, pages: set[str]) -> str:
    """Return the directives that make the navigation.

    Args:
        text: docs/index.md.
        pages: all pages there are.
    """
    listed = sections(text)
    below = {page for page in pages if posixpath.dirname(page) in pages}
    rest = dict.fromkeys(sorted(pages - {INDEX} - below - {page for _, named in listed for page in named}), "")
    made = []
    for title, named in [*listed, ("More", rest)]:
        if named:
            lines = "\n".join(f"{words} </{page}>" if words else f"/{page}" for page, words in named.items())
            made.append(f"\n```{{toctree}}\n:caption: {title}\n:hidden:\n\n{lines}\n```\n")
    return "".join(made)


def subtree(page: str, pages: set[str]) -> str:
    """Return the directive that puts the pages of a page's folder below it; empty if there are none."""
    below = sorted(one for one in pages if posixpath.dirname(one) == page)
    lines = "\n".join(f"/{one}" for one in below)
    return f"\n```{{toctree}}\n:hidden:\n\n{lines}\n```\n" if below else ""


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    pages = set(app.project.docnames)
    source[0] += toctrees(source[0], pages) if page == INDEX else subtree(page, pages)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
