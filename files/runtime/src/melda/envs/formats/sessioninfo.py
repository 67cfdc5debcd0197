"""The text of R's sessionInfo(), as people paste it into an issue or at the end of a notebook."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from melda.envs import document
from melda.envs.errors import UsageError
from melda.envs.formats.renv import BASE

Json = Dict[str, Any]
FIRST = re.compile(r"^R version (\d+\.\d+\.\d+)\b", re.MULTILINE)
# What knitr and the console put before each line.
PREFIX = re.compile(r"^(?:#[#>']?|>)[ \t]?", re.MULTILINE)
SECTIONS = ("other attached packages:", "loaded via a namespace (and not attached):")


def _plain(text: str) -> str:
    return PREFIX.sub("", text.replace("\r\n", "\n"))


def is_one(text: str) -> bool:
    """Is this what sessionInfo() shows?"""
    plain = _plain(text[:20000])
    return bool(FIRST.search(plain)) and ("attached base packages:" in plain or any(one in plain for one in SECTIONS))


def read(text: str, path: str) -> Json:
    """Return the R packages that were attached or loaded. It does not say where they came from: CRAN is taken.

    Raises:
        UsageError: a line among the packages is invalid.
    """
    plain = _plain(text)
    version = FIRST.search(plain)
    found = document.empty()
    found["r"]["version"] = version.group(1) if version else ""
    packages: Dict[str, str] = {}
    inside = False
    for number, line in enumerate(plain.splitlines(), 1):
        stripped = line.strip()
        if stripped in SECTIONS:
            inside = True
        elif not stripped:
            inside = False
        elif inside:
            words: List[str] = re.sub(r"^\[\d+\]", "", stripped).split()
            for word in words:
                name, _, found_version = word.rpartition("_")
                if not name or not re.fullmatch(r"[0-9]+([.-][0-9]+)+", found_version):
                    message = "{0!r}, line {1}: invalid {2!r}: expected NAME_VERSION"
                    raise UsageError(message.format(path, number, word[:100]))
                packages[name] = found_version
    found["r"]["packages"] = [
        {"name": name, "version": packages[name], "source": {"type": "cran", "repository": "CRAN"}}
        for name in sorted(set(packages) - BASE)
    ]
    return found
