"""Want of processes, memory, descriptors or disk: it passes, and what failed for it is tried again."""

from __future__ import annotations

import errno
import subprocess
import time
from typing import Callable, Dict, TypeVar

WANT = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}
PAUSE = 0.1

Result = TypeVar("Result")


def is_it(error: BaseException) -> bool:
    """Did this fail for want of a process, memory, a descriptor or disk?"""
    if isinstance(error, OSError):
        return error.errno in WANT
    # Python's words for a thread that cannot be started, and for a child that could not become somebody.
    return isinstance(error, (MemoryError, subprocess.SubprocessError)) or "new thread" in str(error)


def tried(action: Callable[[], Result], seconds: float) -> Result:
    """Do ``action``; again and again for ``seconds`` if it fails for want of something.

    Raises:
        Exception: what it raised last.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except Exception as error:
            if not is_it(error) or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)


class Complaints:
    """What goes wrong again and again, each reported once until it works again."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._said: Dict[object, str] = {}

    def line(self, what: object, text: str) -> None:
        """Write ``text``, if ``what`` did not go wrong in the same way before."""
        if self._said.get(what) != text:
            self._said[what] = text
            self._write(text)

    def recovered(self, what: object) -> None:
        """Take note that it is well again."""
        self._said.pop(what, None)
