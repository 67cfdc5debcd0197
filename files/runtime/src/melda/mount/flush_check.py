"""Before an unmount: is all that was written in the bucket, as far as s3fs can know?"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Callable, Iterator

from melda.base import users
from melda.base.supervisor import Supervisor

SECONDS = 2.0  # for S3's answer


def holds_files(pid: int, proc: str = "/proc") -> bool:
    """Has s3fs a file that somebody has open, or that it has not done with?

    It keeps each of them in a temporary file that has no name, from the first open until after the last close, when it
    has uploaded what there was. The kernel does not wait for that: an unmount takes away what s3fs has not read yet of the
    closing, s3fs 1.90 then aborts as it exits (FdManager's destructor locks a mutex that is no more), and one from 1.93 on,
    which uploads as late as that, may lose a file.
    """
    folder = os.path.join(proc, str(pid), "fd")
    with contextlib.suppress(OSError):  # it has ended, or may not be looked at
        for name in {*os.listdir(folder)} - {"0", "1", "2"}:  # which it has from us
            with contextlib.suppress(OSError):  # closed meanwhile
                found = os.stat(os.path.join(folder, name))
                if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                    return True
    return False


def problems(supervisor: Supervisor, name: str, readable: Callable[[], object], until: float) -> Iterator[str]:
    """Have s3fs be done with each file, and see whether S3 has a bucket for it still.

    Yields:
        Why something may be missing in the bucket.
    """

    def is_done() -> bool:
        return not (supervisor.is_running(name) and holds_files(supervisor.pid(name)))

    if not supervisor.wait_while_stopping(is_done, until - time.monotonic()):
        yield "some files are open, or on their way"
        return
    # A bucket that is gone is an error of which s3fs says nothing. No answer is none: the files had theirs.
    try:
        users.run_as(users.ROOT, readable, min(SECONDS, max(0.1, until - time.monotonic())))
    except TimeoutError:
        pass
    except OSError as error:
        yield str(error)
