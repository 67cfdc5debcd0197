"""What is installed, written down beside what is kept: a fork of the project begins with it (FORK_OF)."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Optional

from melda.base import folders, log
from melda.base.log import Say
from melda.config.environ import SRC
from melda.sync import programs
from melda.sync.apt_packages import LATER

PROGRAM = os.path.join(SRC, "melda-env")
LAST = 2.0  # seconds, at least, that the last one may take when the container stops


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
        self._failed = ""  # why the last one did not succeed

    def take(self, state: object) -> None:
        """Take it that what there is is written down, as ``state`` has it."""
        self._wanted = self._written = state

    def poll(self, state: object) -> None:
        """Write it down again if ``state`` is another than when it was written; to be called every second or so."""
        self._wanted = state
        if self._running:
            self._told = programs.said(self._running, self._told)  # it must not wait for us
            if self._running.poll() is None:
                return
            self._ended(self._told)
        if self._wanted != self._written:
            self._start()

    def _start(self) -> None:
        before, self._written, self._told = self._written, self._wanted, b""
        try:
            folders.make(os.path.dirname(self._path))
            self._running = programs.start((self._program, "capture", self._path), variables=dict(os.environ))
        except OSError as error:
            if error.errno in LATER:
                self._written = before
            self._fail(error.strerror or str(error))

    def _ended(self, output: bytes) -> None:
        """Take over what became of what was running."""
        if self._running and self._running.returncode == 0:
            self._done, self._failed = True, ""
        else:
            self._fail(programs.shown(output.decode("utf-8", "replace").strip(), 1000) or "no reason given")
        self._stop()

    def _fail(self, reason: str) -> None:
        self._done = False
        if reason != self._failed:
            self._say(f"what is installed is not written down: {reason}", log.WARNING)
        self._failed = reason

    def flush(self, state: object, until: float = 0.0) -> str:
        """Write down what is not written yet, now or never; it is replaced as a whole, or not at all.

        Args:
            state: as for :meth:`poll`.
            until: moment (time.monotonic()) at which it must be over; :data:`LAST` is left in any case.

        Returns:
            Empty if it is written; else that it is not, for people.
        """
        until = max(until, time.monotonic() + LAST)
        if self._running and self._written != state:
            self._stop()  # it began before the last change
        self._wait(until)
        if (state != self._written or not self._done) and time.monotonic() < until:
            self._wanted = state
            self._start()
            self._wait(until)
        return "" if self._done and state == self._written else "what is installed is not written down"

    def _wait(self, until: float) -> None:
        """Wait for what is running."""
        if self._running is None:
            return
        left = max(0.0, until - time.monotonic())
        try:
            self._ended(self._told + (self._running.communicate(timeout=left)[1] or b""))
        except subprocess.TimeoutExpired:
            self._fail(f"it takes longer than the {left:.1f} s that are left")
            self._stop()

    def _stop(self) -> None:
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.wait()
        if self._running and self._running.stderr:
            self._running.stderr.close()
        self._running = None
