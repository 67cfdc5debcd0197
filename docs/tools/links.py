"""Offline checks of the links of the site as it was built; Sphinx itself finds what leads nowhere in Markdown.

usage: python -m docs.tools.links SITE
"""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs.tools import ROOT

# Elements that make a browser ask another host, without a click.
FETCHED = {"img", "script", "link", "iframe", "source", "video", "audio", "embed", "object"}


class _Page(HTMLParser):
    """Collects what a page names and where it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each element."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src", "data") and value is not None:
                self.links.append((tag, value))


def of_site(site: Path) -> list[str]:
    """One line for each link of a built site that leads nowhere, and for each file of another host that a page loads."""
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for tag, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag in FETCHED and parts.scheme != "data":
                    found.append(f"{path.relative_to(site)}: {link} is fetched from another host")
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[to].anchors if to in pages else set()
            if not to.exists() or (parts.fragment and to in pages and unquote(parts.fragment) not in known):
                found.append(f"{path.relative_to(site)}: {link} leads nowhere")
    for path in sorted(site.rglob("*.css")):
        found += [
            f"{path.relative_to(site)}: {address} is fetched from another host"
            for address in re.findall(r"(?:url\(|@import\s+)['\"]?((?:https?:)?//[^)'\"; ]+)", path.read_text())
        ]
    return found


def tracked(*patterns: str) -> list[Path]:
    """Return the repository's files, those that are not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in sorted(filter(None, listed.split("\0"))) if (ROOT / name).is_file()]


def main() -> int:
    """Check a built site; 1 if something leads nowhere."""
    found = of_site(Path(sys.argv[1]).resolve())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
