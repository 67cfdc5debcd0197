"""Reading a file that somebody else may have put there: a regular one, up to a limit, and never a wait.

A FIFO waits for a writer, a device for hardware, a terminal for a person; a lease of somebody else's (fcntl(2)) holds an
open back for 45 s. None of them is opened, or waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Optional

CHUNK = 1 << 20
# Errors of a name that nothing has, or something else than a file that could be read: whoever waits for it waits in vain.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.EFBIG)


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


def descriptor(path: str, dir_fd: Optional[int] = None, follow: bool = True) -> int:
    """Open a regular file for reading; whoever calls closes it.

    Args:
        path: the file.
        dir_fd: descriptor of the folder that a relative ``path`` begins in.
        follow: open what a symbolic link at the end of ``path`` leads to; root must not where others may write.

    Raises:
        OSError: it cannot be opened; EINVAL: it is no regular file.
    """
    # Asked before it is opened: the open itself wakes who waits at the other end of a FIFO, and may start a device.
    if not stat.S_ISREG(os.stat(path, dir_fd=dir_fd, follow_symlinks=follow).st_mode):
        raise _error(errno.EINVAL, path)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    number = os.open(path, flags, dir_fd=dir_fd)
    # And again: another file may have that name by now.
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise _error(errno.EINVAL, path)
    return number


def _up_to(number: int, limit: int) -> bytes:
    found = b""
    while len(found) < limit:
        part = os.read(number, min(CHUNK, limit - len(found)))
        if not part:
            break
        found += part
    return found


def head(path: str, limit: int, dir_fd: Optional[int] = None, follow: bool = True) -> bytes:
    """Return the first ``limit`` bytes of a file; other arguments and errors as for :func:`descriptor`."""
    number = descriptor(path, dir_fd, follow)
    try:
        return _up_to(number, limit)
    finally:
        os.close(number)


def read(path: str, limit: int, dir_fd: Optional[int] = None, follow: bool = True) -> bytes:
    """Return the content of a file.

    Args:
        path: the file.
        limit: most bytes that it may have.
        dir_fd: descriptor of the folder that a relative ``path`` begins in.
        follow: as for :func:`descriptor`.

    Raises:
        OSError: it cannot be read; EINVAL: it is no regular file; EFBIG: it is larger.
    """
    number = descriptor(path, dir_fd, follow)
    try:
        # What it says first, so that nothing of 10 GB is read; what comes too, as /proc says 0 and a file may grow.
        content = b"" if os.fstat(number).st_size > limit else _up_to(number, limit + 1)
        if os.fstat(number).st_size > limit or len(content) > limit:
            raise _error(errno.EFBIG, path)
        return content
    finally:
        os.close(number)


def read_if_any(path: str, limit: int, dir_fd: Optional[int] = None, follow: bool = True) -> bytes:
    """Return the content of a file; empty where there is none that could be read, or something else in its place.

    Arguments as for :func:`read`.

    Raises:
        OSError: it cannot be read now, as a bucket that does not answer: whoever takes that for empty writes over what is there.
    """
    try:
        return read(path, limit, dir_fd, follow)
    except OSError as error:
        if error.errno in NO_FILE:
            return b""
        raise
