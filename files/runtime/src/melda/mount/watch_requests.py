"""What the watch asks the mount: as little of S3 as shows a mount that hangs as soon as it matters.

A request to S3 costs money, and a thousand idle containers make a million of them a day. So s3fs itself is asked, which needs no
request; S3 is asked when somebody uses the project, or waits for it, and else once a minute.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from typing import Callable, NamedTuple, Optional

from melda.base.errors import ConfigError, TemporaryFailure
from melda.mount.watch import S3_SILENT

S3_PAUSE = 59.0  # seconds after which S3 is asked though nobody uses the project; the watch comes every 15
USED = 12  # requests to s3fs between two questions that are more than those of health checks and of ours


class Counters(NamedTuple):
    """System calls of s3fs (proc(5), io): it reads a request from the kernel, and writes the answer."""

    reads: int
    writes: int


def counters(pid: int, proc: str = "/proc") -> Optional[Counters]:
    """Return those of a process; None: they cannot be seen."""
    try:
        with open(f"{proc}/{pid}/io", encoding="ascii") as stream:
            found = dict(line.split(": ") for line in stream)
        return Counters(int(found["syscr"]), int(found["syscw"]))
    except (OSError, ValueError, KeyError):
        return None


def is_used(before: Optional[Counters], now: Optional[Counters], most: int = USED) -> bool:
    """Did somebody use the mount meanwhile, or does anybody wait for an answer? Yes, if it is not known."""
    if before is None or now is None:
        return True
    reads, writes = now.reads - before.reads, now.writes - before.writes
    # What was read and not answered is in progress, or needs no answer: asking once more does no harm.
    return reads != writes or reads > most


class Questions:
    """Chooses the next one.

    Args:
        folder: the mount.
        readable: asks S3 itself. It has to: where S3 refuses (keys that are revoked, a bucket that is gone) s3fs only says
            that a file is not there.
        seen: counters of s3fs.
    """

    def __init__(self, folder: str, readable: Callable[[], object], seen: Callable[[], Optional[Counters]]) -> None:
        self._folder, self._readable, self._seen = folder, readable, seen
        self._before = seen()
        self._starting = True  # what the start does with the mount is no use of it
        self._asked = time.monotonic()  # S3; just before, the mount was proved

    def choose(self, well: bool) -> Callable[[], None]:
        """Return a question, to be put by a process that may hang.

        Returns:
            A function that raises for any other answer than a good one.
        """
        before, self._before = self._before, self._seen()
        now = time.monotonic()
        starting, self._starting = self._starting, False
        if not well or is_used(before, self._before, sys.maxsize if starting else USED):
            self._asked = now
            return self.whole
        if now - self._asked >= S3_PAUSE:
            self._asked = now
            return self.with_s3
        return self.alive

    def alive(self) -> None:
        """Ask s3fs for what it knows by itself; a process that stands still does not answer (statvfs(3))."""
        os.statvfs(self._folder)

    def with_s3(self) -> None:
        """Ask s3fs, and S3: one request. Nobody else is there to whom s3fs would report that S3 does not answer."""
        self.alive()
        try:
            self._readable()
        except TemporaryFailure:  # whose reason changes from one to the next
            raise OSError(S3_SILENT) from None

    def reached(self) -> None:
        """Ask S3 alone, and be content with any answer; what it refuses s3fs knows as well."""
        try:
            self._readable()
        except TemporaryFailure:
            raise
        except ConfigError:
            pass

    def whole(self) -> None:
        """Look for a file that is not there: s3fs has to ask S3 for it, and no cache knows the name. Then ask S3."""
        with contextlib.suppress(FileNotFoundError):
            os.lstat(os.path.join(self._folder, ".melda-jupyter-watch-" + secrets.token_hex(8)))
        with contextlib.suppress(TemporaryFailure):  # s3fs had its answer
            self._readable()
