"""The parts of pages that are made from the code: each is a function without arguments that returns Markdown.

A page holds such a part between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; ``make reference`` writes it anew, and a
test fails where it is out of date. What stands around it is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from docs.tools import ROOT
from docs.tools.reference import makefile, options, paths, refusals, runtime, settings

PARTS: dict[str, Callable[[], str]] = {
    "settings": settings.table,
    "targets": makefile.targets,
    "make-variables": makefile.variables,
    "melda-env": options.melda_env,
    "get-versions": options.get_versions,
    "builder": options.builder_,
    "refresh": options.refresh,
    "ecs": options.ecs,
    "bench": options.bench_,
    "steps": runtime.steps,
    "refusals": refusals.refusals,
    "concerns": paths.concerns,
    "programs": paths.programs,
}
REGION = re.compile(r"(?P<begin><!-- begin (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end (?P=name) -->)", re.DOTALL)


def pages() -> list[Path]:
    """Return the pages that hold parts made from the code."""
    return [path for path in sorted((ROOT / "docs").rglob("*.md")) if REGION.search(path.read_text())]


def filled(text: str) -> str:
    """Return a page with all its parts made anew."""
    return REGION.sub(lambda found: f"{found['begin']}\n{PARTS[found['name']]().strip()}\n\n{found['end']}", text)
