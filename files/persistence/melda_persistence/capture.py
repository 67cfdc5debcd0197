"""What is installed, written down beside what is kept: a fork of the project begins with it (FORK_OF)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Callable, Optional

from melda_runtime.environment import SRC

PROGRAM = os.path.join(SRC, "melda-env")
LAST = 2.0  # seconds it may take when the container stops

Say = Callable[[str], None]


class Capture:
    """Runs ``melda-env capture`` after each change; the keeper does not wait for it.

    Args:
        path: the file.
        say: takes lines for the log.
        program: what writes it.
    """

    def __init__(self, path: str, say: Say, program: str = PROGRAM) -> None:
        self._path, self._say, self._program = path, say, program
        self._running: Optional[subprocess.Popen[bytes]] = None
        self._wanted: object = None
        self._written: object = None

    def look(self, state: object) -> None:
        """Write it down anew if ``state`` is another than when it was written; to be called every second or so."""
        self._wanted = state
        if self._running and self._running.poll() is None:
            return
        if self._running:
            said = self._running.communicate()[1].decode("utf-8", "replace").strip()
            if self._running.returncode:
                self._say("what is installed is not written down: {0}".format(said or "no reason given"))
            self._running = None
        if self._wanted != self._written:
            self._start()

    def _start(self) -> None:
        self._written = self._wanted
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._running = subprocess.Popen(
                [self._program, "capture", self._path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            self._say("what is installed is not written down: {0}".format(error.strerror))

    def finish(self, state: object) -> None:
        """Write down what is not written yet, now or never; it is replaced as a whole, or not at all."""
        if self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.communicate(timeout=LAST)
            self._stop()
        if state != self._written:
            self._wanted = state
            self._start()
            if self._running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._running.communicate(timeout=LAST)
                self._stop()

    def _stop(self) -> None:
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.communicate()
        self._running = None
