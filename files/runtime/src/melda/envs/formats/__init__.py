"""What else says which packages there are: each format is read into a capture, or written from one.

A reader takes what its format says exactly: versions, commits, hashes. What would have an installer look elsewhere
(options, other indexes, files of this host) is refused, because the file may be anybody's.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict

from melda.envs import capture, document
from melda.envs.errors import UsageError
from melda.envs.formats import conda, pylock, renv, requirements, sessioninfo

Json = Dict[str, Any]
# What capture writes, and what such a file is called if no other name is given.
WRITTEN = {
    "json": capture.NAME,
    "requirements": "requirements.txt",
    "renv": "renv.lock",
    "conda": "environment.yml",
}
WRITERS: Dict[str, Callable[[Json], str]] = {
    "json": capture.text,
    "requirements": requirements.write,
    "renv": renv.write,
    "conda": conda.write,
}
# Beside the schema's fields: requirements that name no exact version, for restore to resolve.
OPEN = "open"


def parse(text: str, path: str) -> Json:
    """Return the environment that ``text`` describes; its format is found out by what it says, and by the file's name.

    Args:
        text: of the file.
        path: names it in messages.

    Raises:
        UsageError: it is invalid; in one line, why.
    """
    start = text.lstrip()
    if start.startswith(("{", "[")) and not path.endswith(".toml"):
        found = document.parse_json(text, path)
        if isinstance(found, dict) and "schema" not in found and isinstance(found.get("Packages"), dict):
            return document.check(renv.read(found, path), path)
        return document.check(found, path)
    if path.endswith(".toml") or re.search(r"^lock-version\s*=", text, re.MULTILINE):
        return document.check(pylock.read(text, path), path)
    if sessioninfo.is_one(text):
        return document.check(sessioninfo.read(text, path), path)
    found, loose = requirements.read(text, path)
    return {**document.check(found, path), **({OPEN: loose} if loose else {})}


def read(path: str) -> Json:
    """Return the environment that a file describes, whichever format it has, with exact versions.

    Raises:
        UsageError: it is invalid, or names no exact versions; in one line, why.
    """
    found = parse(document.read_text(path), path)
    if found.get(OPEN):
        message = "invalid {0!r}: {1!r} names no version; melda-env restore finds one"
        raise UsageError(message.format(os.path.basename(path), found[OPEN][0]))
    return found
