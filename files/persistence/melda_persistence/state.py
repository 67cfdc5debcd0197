"""What everybody may know of the keeper: one line, and whether the user's packages are there yet."""

from __future__ import annotations

import contextlib
import os
from typing import Optional

from melda_runtime import edit
from melda_runtime.environment import RUN

FOLDER = RUN + "/plugins"  # the user's: the keeper is a process of the user's
STATE = FOLDER + "/state"  # also read by terminals, see files/persistence/profile.sh
FORK = FOLDER + "/fork"  # a line of the process that installs what the parent project has
RESTORING = FOLDER + "/restoring"  # while it is there Python and R wait, see melda_plugins.py and r_plugins.py
# An installation that runs when the container begins to stop; it is about to be killed.
CUT_OFF = FOLDER + "/cut-off"
LOCAL = "kept in the project's folder"
KEPT = ".melda-jupyter"  # in the project: all that is ours
CAPTURE = "environment.json"  # in there, too: what melda-env says is installed


def read(path: str = "") -> Optional[str]:
    """The line, of the keeper if no ``path`` is given; None where nothing is said."""
    with contextlib.suppress(OSError):
        return edit.read(path or STATE) or None
    return None


def write(line: str, path: str = "") -> None:
    """Set the line, if it is another one. Nothing depends on it, so nothing fails with it."""
    with contextlib.suppress(OSError):
        edit.update(path or STATE, line)


def restored() -> None:
    """The user's packages are there."""
    with contextlib.suppress(OSError):
        os.unlink(RESTORING)
