"""Captures that lie in the project already: of older images, and copied from the parent of a fork."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Iterator

from melda.base import regular, textfiles
from melda.envs import capture, document, entries
from melda.envs.errors import UsageError
from melda.plugins import state
from melda.sync import fork_of


def paths(workdir: str) -> Iterator[str]:
    """Return where captures may lie in a project."""
    yield os.path.join(workdir, capture.NAME)
    yield os.path.join(workdir, state.PROJECT_STATE, state.CAPTURE)
    yield os.path.join(workdir, fork_of.HERE, state.CAPTURE)


def clean(path: str) -> bool:
    """Write a capture again without what is secret in its addresses; nothing is done to what is no capture.

    Returns:
        Whether there was something.
    """
    try:
        found = json.loads(regular.read(path, document.LARGEST).decode("utf-8-sig"))
        if not isinstance(found, dict) or "schema" not in found:
            return False
        without = entries.cleaned(found)
        if without == found:
            return False
        textfiles.replace(path, capture.text(without))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def clean_all(workdir: str) -> None:
    """Do so with all captures of a project."""
    with contextlib.suppress(OSError):
        for path in paths(workdir):
            clean(path)


def in_project(folder: str) -> str:
    """Return the capture of another project: what was installed last, else what its user has captured.

    Raises:
        UsageError: it has none.
    """
    names = (os.path.join(state.PROJECT_STATE, state.CAPTURE), capture.NAME)
    found = [path for path in (os.path.join(folder, name) for name in names) if os.path.isfile(path)]
    if not found:
        raise UsageError(f"invalid --from-project={folder!r}: no {capture.NAME} is in it; melda-env capture writes it")
    return found[0]
