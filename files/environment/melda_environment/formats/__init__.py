"""What else says which packages there are: each format is read into a capture, or written from one."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict

from melda_environment import capture, document
from melda_environment.errors import Refused

Json = Dict[str, Any]
# What capture writes, and what such a file is called if nothing else is said.
WRITTEN = {
    "json": capture.NAME,
}


def writer(name: str) -> Callable[[Json], str]:
    """What writes the format ``name``, one of :data:`WRITTEN`."""
    return capture.text


def read(path: str) -> Json:
    """The environment that a file describes, whichever format it has.

    Raises:
        Refused: it is not right; in one line, why.
    """
    text = document.read_text(path)
    if not text.lstrip().startswith("{"):
        raise Refused("{0!r} is not right: it is nothing that melda-env reads".format(os.path.basename(path)))
    return document.check(document.parse_json(text, path), path)
