"""What is installed, written down beside what is kept: a fork of the project begins with it (FORK_OF)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Callable, Optional

from melda.base import folders
from melda.config.environ import SRC
from melda.sync import programs
from melda.sync.apt_packages import LATER

PROGRAM = os.path.join(SRC, "melda-env")
LAST = 2.0  # seconds it may take when the container stops

Say = Callable[[str], None]


class Capture:
    """Runs ``melda-env capture`` after each change; the sync daemon does not wait for it.

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
        self._done = True  # what was written last, or tried to
        self._told = b""  # by what is running
        self._failed = ""  # why it could not be started

    def take(self, state: object) -> None:
        """Take it that what there is is written down, as ``state`` has it."""
        self._wanted = self._written = state

    def poll(self, state: object) -> None:
        """Write it down again if ``state`` is another than when it was written; to be called every second or so."""
        self._wanted = state
        over = self._running and self._running.poll() is not None
        if self._running:
            self._told = programs.said(self._running, self._told)  # it must not wait for us
            if not over:
                return
            self._done = self._running.returncode == 0
            if not self._done:
                output = programs.shown(self._told.decode("utf-8", "replace").strip(), 1000)
                self._say("what is installed is not written down: {0}".format(output or "no reason given"))
            self._stop()
        if self._wanted != self._written:
            self._start()

    def _start(self) -> None:
        before, self._written, self._told = self._written, self._wanted, b""
        try:
            folders.make(os.path.dirname(self._path))
            self._running = programs.start((self._program, "capture", self._path), variables=dict(os.environ))
            self._failed = ""
        except OSError as error:
            self._done = False
            if error.errno in LATER:
                self._written = before
            if error.strerror != self._failed:
                self._say(f"what is installed is not written down: {error.strerror}")
            self._failed = error.strerror or ""

    def flush(self, state: object) -> str:
        """Write down what is not written yet, now or never; it is replaced as a whole, or not at all.

        Returns:
            Empty if it is written; else that it is not, for people.
        """
        self._end()
        if state != self._written or not self._done:
            self._wanted = state
            self._start()
            self._end()
        return "" if self._done else "what is installed is not written down"

    def _end(self) -> None:
        """Wait for what is running."""
        if self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.communicate(timeout=LAST)
            self._done = self._running.poll() == 0
            self._stop()

    def _stop(self) -> None:
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.wait()
        if self._running and self._running.stderr:
            self._running.stderr.close()
        self._running = None
