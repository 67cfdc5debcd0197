"""Captures that lie in the project already: of older images, and copied from the parent of a fork."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
from typing import Any, Dict, Iterator, List, Tuple

from melda.base import folders, regular_files, textfiles
from melda.envs import capture, document, entries
from melda.envs.capture.pack import ENDING
from melda.envs.errors import UsageError
from melda.plugins import state
from melda.sync import fork_of
from melda.sync.on_disk import tree

# A capture of another Python or R than the newest one's: environment.Python-3.11.2_R-4.2.2.json.
FORMER = re.compile(r"environment\.(Python-[0-9.]+[0-9]_?)?(R-[0-9.]+[0-9])?(?<=[0-9])\.json")


def newest(workdir: str) -> Tuple[str, str]:
    """Return where the newest captures of a project lie: the user's, and the sync daemon's."""
    return os.path.join(workdir, capture.NAME), os.path.join(workdir, state.PROJECT_STATE, state.CAPTURE)


def _names(folder: str) -> List[str]:
    """Return the names in a folder: one request of s3fs's, where asking for a name that is not there would be four."""
    return sorted(tree.listed(folder))


def paths(workdir: str) -> Iterator[str]:
    """Return where captures may lie in a project.

    Raises:
        OSError: it cannot be read now.
    """
    for path in newest(workdir):
        folder, name = os.path.split(path)
        names = _names(folder)
        yield from (os.path.join(folder, other) for other in names if other == name or FORMER.fullmatch(other))
        if os.path.basename(fork_of.HERE) in names:
            yield os.path.join(workdir, fork_of.HERE, state.CAPTURE)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Of all that write captures of a container, only one at a time: none moves what another one has just written."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # nobody has started anything here, so there is no other one
            stream = held.enter_context(open(state.CAPTURING, "w", encoding="ascii"))
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def versions(found: Dict[str, Any]) -> Tuple[str, str]:
    """Return the versions of Python and of R that a capture is of; empty: it has none.

    Raises:
        KeyError, TypeError, ValueError: it is no capture.
    """
    both = (found["python"]["version"], found["r"]["version"])
    if not all(re.fullmatch(r"[0-9.]{0,40}", version) for version in both):
        raise ValueError("no version")
    return both


def former_name(python: str, r: str) -> str:
    """Return what a capture of these versions is called when it is not the newest one any more."""
    names = [f"{kind}-{version}" for kind, version in (("Python", python), ("R", r)) if version]
    return "environment.{0}.json".format("_".join(names) or "none")


def keep_former(path: str, found: Dict[str, Any]) -> str:
    """Before ``path`` is written: if it is a capture of another Python or R, keep it beside, and what belongs to it.

    Args:
        path: of the newest capture.
        found: what is going to be written there.

    Returns:
        Where it is kept; empty: there was nothing to keep.

    Raises:
        OSError: it cannot be kept, or not be read now: what is written over is lost.
    """
    try:
        text = regular_files.read_if_any(path, document.LARGEST).decode("utf-8-sig")
        of = versions(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    if of == versions(found):
        return ""
    former = os.path.join(os.path.dirname(path), former_name(*of))
    # The files first: when the capture has its new name, all of it is there.
    if os.path.isdir(path + ENDING) and not os.path.islink(path + ENDING):
        if os.path.lexists(former + ENDING):
            folders.clear(former + ENDING)
        os.rename(path + ENDING, former + ENDING)
    # A copy: whoever reads the newest capture meanwhile finds one.
    textfiles.replace(former, text)
    return former


def is_of_project(workdir: str, path: str) -> bool:
    """Is this a capture of the project itself, and not of the parent of a fork?"""
    return os.path.dirname(path) in (workdir, os.path.join(workdir, state.PROJECT_STATE))


def clean(path: str) -> bool:
    """Write a capture again without what is secret in its addresses; nothing is done to what is no capture.

    Returns:
        Whether there was something.
    """
    try:
        found = json.loads(regular_files.read(path, document.LARGEST).decode("utf-8-sig"))
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
        UsageError: it has none, or cannot be read now.
    """
    names = (os.path.join(state.PROJECT_STATE, state.CAPTURE), capture.NAME)
    for path in (os.path.join(folder, name) for name in names):
        try:
            if is_there(path):
                return path
        except OSError as error:
            raise UsageError(f"invalid --from-project={folder!r}: {path}: {error.strerror or error}") from None
    raise UsageError(f"invalid --from-project={folder!r}: no {capture.NAME} is in it; melda-env capture writes it")


def is_there(path: str) -> bool:
    """Is it a file? A bucket that does not answer says nothing: the next best is not what was asked for, and no fork has none.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
