"""Does the mount still answer? It is asked now and then, by a process that may hang in it in our place."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Callable, NamedTuple, Optional

from melda.base import log, pressure, supervisor_metrics, textfiles, users
from melda.base.paths import MOUNT_STATE

STATE = MOUNT_STATE  # the version service reads it
OK = "ok"
HUNG = "does not answer"
PAUSE = 15.0  # between an answer and the next question; see watch_requests.py for what it costs
LOOK = 0.5  # between two looks whether there is an answer
NOTICED = 20.0  # an answer that takes longer is worth a line


class Subject(NamedTuple):
    """What is watched: its name, what does not work without it, and the metric of its answers' seconds, if there is one."""

    name: str
    lost: str
    metric: str


PROJECT = Subject("the mount", "the project cannot be read or written", "mount_seconds")


def read(path: str = STATE) -> str:
    """Return what the watch found last; a text of our own where there is no watch."""
    with contextlib.suppress(OSError):
        return textfiles.read(path) or "is not watched"
    return "is not watched"


class Watch:
    """Asks, says what changed, gives up.

    An error is an answer: s3fs reports that S3 is down, programs are told that their writes failed, and what kernels
    hold in memory outlives it. No answer at all blocks every program that touches the project, for ever.

    Args:
        user: who asks.
        choose: gives the next question, which raises OSError for an error; it is told whether the last answer was a good one.
        patience: seconds without an answer until ``give_up`` is called.
        give_up: gets the reason; returns in how many seconds to go on, None: not at all.
        state: path of the file that tells others.
        subject: in the log.
    """

    def __init__(
        self,
        user: users.Account,
        choose: Callable[[bool], Callable[[], None]],
        patience: float,
        give_up: Callable[[str], Optional[float]],
        state: str = STATE,
        subject: Subject = PROJECT,
    ) -> None:
        self._subject = subject
        self._user, self._choose, self._patience, self._give_up, self._path = user, choose, patience, give_up, state
        self._child: Optional[users.Child] = None
        self._began = 0.0
        self._state = self._written = ""
        self._complaints = pressure.Complaints(log.warn)
        self._say(OK)

    def poll_once(self) -> Optional[float]:
        """Ask, or look for the answer; seconds until the next turn, None for no more."""
        if self._child is None:
            try:
                self._child, self._began = users.Child(self._user, self._choose(self._state == OK)), time.monotonic()
            except (OSError, MemoryError) as error:  # for want of something: that is not the mount's silence
                reason = str(error) or repr(error)
                self._complaints.line("ask", f"{self._subject.name} cannot be asked, it is tried again: {reason}")
                self._write()
            else:
                self._complaints.recovered("ask")
            return LOOK
        waited = time.monotonic() - self._began
        answer = self._child.answer()
        if answer is not None:
            self._child.close()
            self._child = None
            if self._subject.metric:
                supervisor_metrics.record(self._subject.metric, round(waited, 3))
            self._say(OK if not answer else "fails: " + answer)
            return PAUSE
        if waited >= min(NOTICED, self._patience):
            self._say(HUNG)
        if waited >= self._patience:
            self._began = time.monotonic()
            return self._give_up(f"{self._subject.name} has not answered for {self._patience:g} s")
        return LOOK

    def _say(self, state: str) -> None:
        if state != self._state:
            if state != OK:
                log.error(f"{self._subject.name} {state}; {self._subject.lost}")
            elif self._state:
                log.line(f"{self._subject.name} answers again")
            self._state = state
        self._write()

    def _write(self) -> None:
        if self._state == self._written:
            return
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
            textfiles.write_if_changed(self._path, self._state)
            self._written = self._state
            self._complaints.recovered("write")
        except OSError as error:  # the disk is full: at the next turn, then
            self._complaints.line("write", f"{self._path} cannot be written: {os.strerror(error.errno or errno.EIO)}")
