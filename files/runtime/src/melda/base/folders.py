"""Folders of the user, which may hold anything."""

from __future__ import annotations

import os
import secrets


def aside(path: str) -> None:
    """Give what stands in the way another name; it keeps its content.

    Raises:
        OSError: it cannot be renamed.
    """
    # A name that nobody can have taken: what cannot be set aside would keep every later start from making the folder.
    os.replace(path, "{0}.set-aside-{1}".format(path, secrets.token_hex(4)))


def make(top: str, *below: str) -> str:
    """Make the folder ``top/below...``, each part of it; a file or a link in its place is set aside.

    Returns:
        Its path.

    Raises:
        OSError: it cannot be made.
    """
    path = top
    for name in ("", *below):
        path = os.path.join(path, name) if name else path
        # Nor a link to a folder: whoever mounts here later follows none.
        if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
            aside(path)
        os.makedirs(path, exist_ok=True)
    return path
