"""The Makefile's targets and variables, by its own comments."""

from __future__ import annotations

import re

from docs.tools import ROOT
from docs.tools.reference import markdown

FILE = ROOT / "Makefile"


def targets() -> str:
    """Return what `make help` lists."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", FILE.read_text(), re.MULTILINE)
    return markdown.table(("command", "does"), [(markdown.code(f"make {name}"), means) for name, means in found])


def variables() -> str:
    """Return the variables with a comment above them, and their defaults."""
    found = re.findall(r"((?:^# .+\n)+)^([A-Z]+) \?=[ ]?(.*)$", FILE.read_text(), re.MULTILINE)
    rows = [
        (
            markdown.code(name),
            " ".join(re.findall(r"^# (.+)$", comment, re.MULTILINE)),
            markdown.code(value) if value else "empty",
        )
        for comment, name, value in found
    ]
    return markdown.table(("variable", "means", "default"), rows)
