"""Root's note of a start of Jupyter that has not come to its end: only root can write it, and only root takes it away.

What the user wrote into ~/.jupyter runs as the user, in Jupyter itself: a note of the user's own it could take away.
"""

from __future__ import annotations

import os
import time
from typing import Optional

from melda.base import log, textfiles
from melda.base.paths import STATE

PATH = STATE + "/jupyter-starting"  # on a disk: it must outlive a restart, whatever lies on /run
YOUNG = 10.0  # seconds within which somebody may stop it without a fault of its; it takes two until it answers
UNFINISHED = "the last start did not come to its end"


class Starting:
    """One start of Jupyter, as root sees it."""

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self._began: Optional[float] = None
        self.answered = False

    def go_on(self) -> bytes:
        """Note that it starts.

        Returns:
            What Jupyter is to be told: a line, why it leaves the user's configuration out; an empty one: it does not.
        """
        reason = UNFINISHED if os.path.lexists(self._path) else ""
        self._began = time.monotonic()
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
            textfiles.replace(self._path, "")
        except OSError as error:  # the disk is full, say
            log.warn(f"jupyter: the next start will not know how this one ended: {error}")
        return reason.encode() + b"\n"

    def finish(self) -> None:
        """Take note that it answers."""
        self.answered = True
        self._forget()

    def stop(self, runs: bool) -> None:
        """Somebody stops it: early enough, that is no failed start."""
        if runs and not self.answered and self._began is not None and time.monotonic() - self._began < YOUNG:
            self._forget()

    def _forget(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warn(f"jupyter: the next start will take this one for failed: {error}")
