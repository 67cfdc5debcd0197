"""What everybody may know of the sync daemon: one line, and whether the user's packages are there yet."""

from __future__ import annotations

import contextlib
import os
from typing import Optional

from melda.base import paths, regular_files, textfiles

FOLDER = paths.PLUGINS_RUN
STATE = paths.SYNC_STATE
FORK = FOLDER + "/fork"  # a line of the process that installs what the parent project has
RESTORING = paths.RESTORING
# An installation that runs when the container begins to stop; it is about to be killed. NOBODY: there is none. Where
# there is no file nobody could look, so somebody may have been installing.
INTERRUPTED, NOBODY = FOLDER + "/interrupted", "nobody"
LAST = "--last"  # an option of the sync daemon: save what is left, and end
DEADLINE = FOLDER + "/deadline"  # when the sync daemon is killed as the container stops, by CLOCK_MONOTONIC
CAPTURING = FOLDER + "/capturing"  # a lock: somebody writes a snapshot
START = FOLDER + "/start"  # what a start could not make ready in the home and in the project; empty: nothing
IMAGE = FOLDER + "/image"  # from which image to which the project moved; not there: it did not
UPGRADE = FOLDER + "/upgrade"  # a line of what carries the packages of another Python or R over
MISSING = paths.MISSING  # packages that are still coming, or could not be had; Python and R tell who misses one
COPIES = FOLDER + "/copies"  # archives that the sync daemon wants S3 to copy, see melda/sync/server_side_copies.py
ASKED = FOLDER + "/asked"  # the sync daemon has read what the bucket held at the start, see melda/sync/at_start.py
SETTLED = FOLDER + "/settled"  # the sync daemon has seen that there is nothing to carry over
NAMES = tuple(
    os.path.basename(path)
    for path in (STATE, FORK, RESTORING, INTERRUPTED, DEADLINE, CAPTURING, START, IMAGE, UPGRADE, MISSING, COPIES)
    + (ASKED, SETTLED)
)
LOCAL = "kept in the project's folder"
PROJECT_STATE = paths.PROJECT_STATE
CAPTURE = paths.CAPTURE
LARGEST_CAPTURE = 16 << 20  # bytes: one with a thousand packages has half a million
LARGEST = 16384  # bytes of a line: the folder is the user's, who may put anything there


def text(path: str) -> str:
    """Return what a small file of ours holds; empty where there is none, or something else in its place."""
    try:
        return regular_files.read(path, LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def deadline() -> float:
    """Return when the sync daemon is killed (time.monotonic()), as far as it knows; 0: it does not."""
    try:
        return float(text(DEADLINE))
    except ValueError:
        return 0.0


def read(path: str = "") -> Optional[str]:
    """Return the line, of the sync daemon if no ``path`` is given; None where there is none."""
    return text(path or STATE) or None


def write(line: str, path: str = "") -> None:
    """Set the line, if it is another one. Nothing depends on it, so nothing fails with it."""
    with contextlib.suppress(OSError):
        if text(path or STATE) != line:
            textfiles.replace(path or STATE, line)


def restoring() -> None:
    """Say that the user's packages are being restored: Python and R wait, by the age of the file at most a while."""
    textfiles.replace(RESTORING, "")


def restored() -> None:
    """Say that the user's packages are there, or are waited for no more."""
    with contextlib.suppress(OSError):
        os.unlink(RESTORING)
