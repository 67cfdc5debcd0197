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
S3_ASKED = 5.0  # seconds without an answer after which S3 itself is asked: s3fs may only wait for it
S3_SECONDS = 30.0  # for S3's answer; it is tried twice, and a name may take its time
S3_SILENT = "S3 does not answer"


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


class Beyond:
    """S3 itself, which is asked while the mount gives no answer.

    Args:
        user: who asks.
        reached: raises if S3 does not answer.
    """

    def __init__(self, user: users.Account, reached: Callable[[], None]) -> None:
        self._user, self._reached = user, reached
        self._child: Optional[users.Child] = None
        self._began = self._next = 0.0
        self.silent: Optional[bool] = None  # None: it is not known yet
        self.back = 0.0  # moment at which it answered again

    def poll_once(self, now: float) -> None:
        """Ask, or look for the answer."""
        if self._child is None:
            if now >= self._next:
                with contextlib.suppress(OSError, MemoryError):  # for want of something: at the next turn, then
                    self._child, self._began = users.Child(self._user, self._reached), now
            return
        answer = self._child.answer()
        if answer is None and now - self._began < S3_SECONDS:
            return
        if answer == "" and self.silent:
            self.back = now
        self.silent = answer != ""
        self._close()
        self._next = now + PAUSE

    def forget(self) -> None:
        """Begin anew: the mount has answered."""
        self._close()
        self._next, self.silent = 0.0, None

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class Watch:
    """Asks, says what changed, gives up.

    An error is an answer: s3fs reports that S3 is down, programs are told that their writes failed, and what kernels
    hold in memory outlives it. No answer at all blocks every program that touches the project: for ever where s3fs stands
    still, which ends the container; until S3 answers where s3fs waits for S3, which nobody can mend here.

    Args:
        user: who asks.
        choose: gives the next question, which raises OSError for an error; it is told whether the last answer was a good one.
        patience: seconds without an answer until ``give_up`` is called.
        give_up: gets the reason; returns in how many seconds to go on, None: not at all.
        state: path of the file that tells others.
        subject: in the log.
        reached: raises if S3 does not answer; None: it is not asked.
    """

    def __init__(
        self,
        user: users.Account,
        choose: Callable[[bool], Callable[[], None]],
        patience: float,
        give_up: Callable[[str], Optional[float]],
        state: str = STATE,
        subject: Subject = PROJECT,
        reached: Optional[Callable[[], None]] = None,
    ) -> None:
        self._subject = subject
        self._user, self._choose, self._patience, self._give_up, self._path = user, choose, patience, give_up, state
        self._child: Optional[users.Child] = None
        self._began = 0.0
        self._beyond = Beyond(user, reached) if reached else None
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
        now = time.monotonic()
        answer = self._child.answer()
        if answer is None:
            return self._wait(now)
        self._child.close()
        self._child = None
        if self._subject.metric:
            supervisor_metrics.record(self._subject.metric, round(now - self._began, 3))
        silent = self._beyond is not None and self._beyond.silent
        self._say(OK if not answer else "fails: " + (S3_SILENT if silent else answer))
        if self._beyond is not None:
            self._beyond.forget()
        return PAUSE

    def _wait(self, now: float) -> Optional[float]:
        waited = now - self._began
        if self._beyond is not None and waited >= min(S3_ASKED, self._patience):
            self._beyond.poll_once(now)
            if self._beyond.silent:
                self._say("fails: " + S3_SILENT)
            if self._beyond.silent is not False:
                return LOOK
            waited = min(waited, now - self._beyond.back)  # s3fs gets its time once S3 answers again
        if waited >= min(NOTICED, self._patience):
            self._say(HUNG)
        if waited >= self._patience:
            self._began = now
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
