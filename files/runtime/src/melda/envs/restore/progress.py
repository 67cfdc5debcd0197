"""How far it is: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Optional, Sequence, TextIO

from melda.base.addresses import hide
from melda.plugins import state

WIDTH = 24
SHOWN = 5  # names in a line
OFTEN = 0.1  # seconds between two pictures of the bar
PATIENCE, LOOK = 60.0, 0.05  # seconds for the project's own packages to come from the bucket; between two looks


class Progress:
    """Tells one reader what happens.

    Args:
        stream: where to; a terminal gets a bar.
    """

    def __init__(self, stream: Optional[TextIO] = None) -> None:
        self._stream = stream or sys.stdout
        self._bar = self._stream.isatty()
        self._done = self._total = 0
        self._shown = 0.0
        self._drawn = False

    def wait_for_own(self) -> None:
        """Wait for what this project has in its bucket: it is not installed a second time."""
        if os.path.exists(state.RESTORING):
            self.doing("waiting for the project's own packages")
        wait_for_bucket(PATIENCE)

    def start(self, total: int) -> None:
        """Begin to count to ``total``."""
        self._done, self._total = 0, total

    def say(self, text: str) -> None:
        """Show a line that stays."""
        self._clear()
        self._stream.write(printable(text) + "\n")
        self._stream.flush()

    def doing(self, text: str, line: bool = True) -> None:
        """Show what is being done now.

        Args:
            text: what.
            line: say it also where there is no bar.
        """
        if not self._bar:
            if line:
                self.say(text)
            return
        now = time.monotonic()
        if not line and now - self._shown < OFTEN:
            return
        self._shown = now
        self._draw(printable(text))

    def done(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        if self._bar:
            self._draw("")

    def end(self) -> None:
        """Nothing more is done."""
        self._clear()
        self._stream.flush()

    @property
    def far(self) -> str:
        """How far it is."""
        return f"{self._done} of {self._total}"

    def _draw(self, text: str) -> None:
        filled = WIDTH * self._done // max(1, self._total)
        bar = "[{0}{1}] {2}/{3} {4}".format("#" * filled, "-" * (WIDTH - filled), self._done, self._total, text)
        self._stream.write("\r\x1b[K" + bar[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()
        self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._drawn = False


def few(names: Sequence[str]) -> str:
    """Return names for a line, of many the first ones."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def wait_for_bucket(seconds: float) -> None:
    """Wait until what the project has in its bucket is here."""
    deadline = time.monotonic() + seconds
    while os.path.exists(state.RESTORING) and time.monotonic() < deadline:
        time.sleep(LOOK)


def printable(text: str) -> str:
    """Return what a compiler or a file says so that it does nothing to the terminal, and shows no secret of an address."""
    return "".join(char if char.isprintable() else " " for char in hide(text)).rstrip()
