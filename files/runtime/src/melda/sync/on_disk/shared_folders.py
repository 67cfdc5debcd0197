"""Folders beside the packages, with what belongs to many of them, or to the user: opened, so that each has its own part of it.

As one entry, all of ``share`` is uploaded when a kernel is added, and of two containers the one loses what it added.
"""

from __future__ import annotations

import os
from typing import Container

from melda.base import folders

FOLDERS = (
    ("etc", "etc/jupyter", "etc/jupyter/nbconfig", "include", "include/site")
    + ("share", "share/jupyter", "share/jupyter/kernels", "share/jupyter/labextensions", "share/jupyter/nbextensions")
    + ("share/doc", "share/man", "share/nltk_data", "share/uv", "share/uv/tools")
)
# Those of which each folder whose name begins so is opened too.
WITHIN = {
    "etc/jupyter": "",
    "etc/jupyter/nbconfig": "",
    "include/site": "python",
    "share/jupyter/labextensions": "@",
    "share/man": "man",
    "share/nltk_data": "",
}


def is_shared(path: str) -> bool:
    """Return whether a path lies in one of the folders that hold no packages."""
    return path.startswith(("etc/", "include/", "share/"))


def within(entry: str, names: Container[str]) -> str:
    """Return ``entry``, or the innermost folder around it, that is one of ``names``; empty: none is."""
    while entry and entry not in names:
        entry = os.path.dirname(entry)
    return entry


def clear_way(root: str, entry: str) -> None:
    """Set aside what stands where a folder around ``entry`` is to be: a link, which could lead anywhere, or a file.

    Raises:
        OSError: it cannot be renamed.
    """
    steps = entry.split("/")
    for folder in ("/".join(steps[:length]) for length in range(1, len(steps))):
        path = os.path.join(root, folder)
        if is_shared(folder + "/") and os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
            folders.set_aside(path)
