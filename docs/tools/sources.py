"""A link to a file or folder of the repository becomes a page of the site that shows it.

In the repository the same link opens the file itself; so the pages are written once.
"""

from __future__ import annotations

import html
import os
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename, guess_lexer
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from docs.tools import ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "source"
# What no link may show, and what is no source.
HIDDEN = ("__pycache__", "node_modules", ".git", ".venv")


def page(path: str) -> str:
    """Return the page that shows a file of the repository."""
    return posixpath.join(FOLDER, path or "index")


def target(document: str, link: str) -> str | None:
    """Return the path in the repository that a link of a document leads to; None if there is none."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(document), unquote(link).split("#")[0]))
    return path if not path.startswith("..") and (ROOT / path).exists() else None


class Sources(SphinxTransform):
    """Lead the links to files and folders to their pages."""

    # Before Sphinx copies what it takes for downloads.
    default_priority = 5

    def apply(self, **_: Any) -> None:
        """Replace each link that is to a file which is no page."""
        links = [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]
        for link in links:
            document = self.env.docname
            path = target(document, link["reftarget"])
            if path is None or link.get("refdomain") == "doc" or path.endswith(".md"):
                continue
            away = posixpath.relpath(page(path), posixpath.dirname(document))
            shown = nodes.reference("", "", *link.children, refuri=f"{away}.html", internal=True)
            link.replace_self(shown)
            self.env.app.melda_sources.add(path)  # type: ignore[attr-defined]


def code(path: str) -> str:
    """Return a file as HTML."""
    text = (ROOT / path).read_text(errors="replace")
    try:
        lexer = get_lexer_for_filename(path)
    except ClassNotFound:
        lexer = guess_lexer(text) if text.startswith("#!") else TextLexer()
    return str(highlight(text, lexer, HtmlFormatter(cssclass="highlight")))


def listing(path: str, shown: set[str]) -> str:
    """Return a folder as HTML: its files, as links where they have a page."""
    rows = []
    for folder, folders, files in os.walk(ROOT / path):
        folders[:] = sorted(set(folders) - set(HIDDEN))
        for name in sorted(files):
            file = os.path.relpath(os.path.join(folder, name), ROOT)
            words = html.escape(os.path.relpath(file, path))
            away = posixpath.relpath(page(file), posixpath.dirname(page(path)))
            rows.append(f'<li><a href="{away}.html">{words}</a></li>' if file in shown else f"<li>{words}</li>")
    return "<ul>" + "\n".join(rows) + "</ul>"


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    shown: set[str] = app.melda_sources  # type: ignore[attr-defined]
    for path in sorted(shown):
        body = listing(path, shown) if (ROOT / path).is_dir() else code(path)
        title = html.escape(path)
        yield page(path), {"title": title, "body": f"<h1>{title}</h1>{body}"}, "page.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.melda_sources = set()  # type: ignore[attr-defined]
    app.add_transform(Sources)
    # GitHub draws it; here it is read.
    app.add_lexer("mermaid", TextLexer)
    app.connect("html-collect-pages", _pages)
    # The set is filled while all pages are read, by one process.
    return {"parallel_read_safe": False, "parallel_write_safe": True}
