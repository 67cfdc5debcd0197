"""Folders of the user, which may hold anything."""

from __future__ import annotations

import os


def aside(path: str) -> None:
    """Give what stands in the way another name; it keeps its content.

    Raises:
        OSError: it cannot be renamed.
    """
    os.replace(path, path + ".set-aside")


def make(top: str, *below: str) -> str:
    """Make the folder ``top/below...``, each part of it; a file or a dead link in its place is set aside.

    Returns:
        Its path.

    Raises:
        OSError: it cannot be made.
    """
    path = top
    for name in ("", *below):
        path = os.path.join(path, name) if name else path
        if os.path.lexists(path) and not os.path.isdir(path):
            aside(path)
        os.makedirs(path, exist_ok=True)
    return path
