"""What s3fs says: its errors are nowhere else to be had when a program is gone whose last write failed.

And nothing of it comes into the log unread: S3's answer to a refused request, which s3fs shows, may hold a session token.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import re
import time
from typing import Deque, Tuple

from melda.base import log

F_SETPIPE_SZ = 1031  # linux/fcntl.h; fcntl has it from Python 3.10 on
SIZE = 1 << 20  # bytes that nobody has read yet; most users may have as much (fs.pipe-max-size)
PAUSE = 2.0  # between two looks
LEVEL = "dbglevel=err"
# Its own log goes by blocks where it is no terminal: it would come when s3fs ends.
LINE_BY_LINE = ("stdbuf", "-oL")
OF_S3FS = re.compile(r"\[(CRT|ERR|WAN|INF|DBG)\] ")
# S3's answer may hold a session token; and what is only tried again is no error yet: "### giving up" is.
BODY, TRIED_AGAIN = "Body Text", "### CURLE_"
PROGRAMS = ("s3fs: ", "fuse: ", "fusermount: ")  # before they have a log
LONGEST = 120  # characters of a line
MOST = 1000  # errors that are kept
ANSWER, DOWNLOAD = "HTTP response code ", "could not download"


class Output:
    """s3fs's standard output. It never waits for us: what does not fit into the pipe is dropped.

    Attributes:
        writing: descriptor for s3fs, until :meth:`given` is called.
    """

    def __init__(self, name: str = "s3fs") -> None:
        self._name = name
        self._reading, self.writing = os.pipe()
        for number in (self._reading, self.writing):
            os.set_blocking(number, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.writing, F_SETPIPE_SZ, SIZE)
        self._rest = b""
        self._errors: Deque[Tuple[float, str]] = collections.deque(maxlen=MOST)
        self._logged = ""

    def given(self) -> None:
        """Leave it to s3fs, which is not started a second time."""
        os.close(self.writing)

    def poll_once(self) -> float:
        """Read what there is. The log gets all but errors; of these, which are kept, it gets the last, if it is a new one.

        No more than the pipe holds is read at once: s3fs may say more all the time, and PID 1 has other work.
        """
        known, left = self._last(), SIZE
        with contextlib.suppress(BlockingIOError):
            while left > 0:
                block = os.read(self._reading, 1 << 16)
                if not block:
                    break
                left -= len(block)
                *lines, self._rest = (self._rest + block).split(b"\n")
                self._rest = self._rest[: 1 << 16]
                for line in lines:
                    self._take(line.decode("utf-8", "replace"))
        last = self._last()
        if last != known and last[1] not in ("", self._logged):
            self._logged = last[1]
            log.warn(f"{self._name}: {self._logged}")
        return PAUSE

    def _last(self) -> Tuple[float, str]:
        return self._errors[-1] if self._errors else (0.0, "")

    def _take(self, line: str) -> None:
        level = OF_S3FS.search(line)
        if level is None and not line.startswith(PROGRAMS):
            return  # the rest of S3's answer, and what libxml2 shows of it
        if level is not None and level.group(1) == "ERR":
            if TRIED_AGAIN not in line:
                self._add(line.partition("): ")[2].partition(BODY)[0].strip(" .")[:LONGEST])
            return
        log.write(line)

    def _add(self, text: str) -> None:
        if not text.startswith(DOWNLOAD):
            self._errors.append((time.monotonic(), text))
            return
        # A refused read is two errors: the answer, whatever was asked, and then this. Neither is a lost upload.
        for number in reversed(range(len(self._errors))):
            if self._errors[number][1].startswith(ANSWER):
                del self._errors[number]
                return

    def error(self, since: float) -> str:
        """Return the last error of those read since a moment (time.monotonic()); empty if there is none."""
        self.poll_once()
        return next((text for at, text in reversed(self._errors) if at >= since), "")
