"""Showing the caller what apt says, with the caller's own rights."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import time
from typing import Callable, Iterator

PATIENCE = 10.0  # seconds a reader may be busy with something else before it gets no more
LONGEST = 2 * PATIENCE  # seconds for which what shows it may be busy, altogether; and to its end


def _become(uid: int) -> None:
    account = pwd.getpwuid(uid)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(uid, uid, uid)


def copy(source: int, target: int, patience: float = PATIENCE) -> None:
    """Copy ``source`` to its end; a ``target`` (non-blocking; -1: none) that takes nothing for so long gets no more."""
    while True:
        data = os.read(source, 65536)
        if not data:
            return
        deadline = time.monotonic() + patience
        while data and target >= 0:
            try:
                data = data[os.write(target, data) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    target = -1
                    break
                select.select([], [target], [], 0.2)
            except OSError:
                target = -1


def standard_error_of(pid: int) -> int:
    """Open what process ``pid`` writes its errors to, to append to it; -1 if that cannot be.

    Done with the caller's rights it opens nothing that the caller could not open: with root's, whoever has a file of
    root's open for reading as descriptor 2 could have it overwritten. And a process of one's own can be looked into
    without CAP_SYS_PTRACE.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(f"/proc/{pid}/fd/2", flags)
    except OSError:  # a socket cannot be opened
        return -1


@contextlib.contextmanager
def to(uid: int, pid: int, patience: float = LONGEST) -> Iterator[Callable[[str], None]]:
    """Show text to the process ``pid`` of the user ``uid`` while the block runs, as well as that goes.

    Args:
        uid: who calls, as the bus says.
        pid: what the caller says; nothing depends on it but where the text appears.
        patience: seconds that are lost at most where nothing of the text is taken, and as many at the end.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    lives, ends = os.pipe2(os.O_CLOEXEC)  # the child's end of it is closed when the child ends
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.close(lives)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            target = -1
            with contextlib.suppress(KeyError, OSError):
                _become(uid)
                target = standard_error_of(pid)
            copy(reading, target)
        finally:
            os._exit(0)
    os.close(reading)
    os.close(ends)
    os.set_blocking(writing, False)
    # The child is the caller's, who may stop it (SIGSTOP): apt, with its locks, would wait for ever.
    left = patience

    def say(text: str) -> None:
        nonlocal left
        data = text.encode("utf-8", "replace")
        while data and left > 0:
            try:
                data = data[os.write(writing, data) :]
            except BlockingIOError:
                began = time.monotonic()
                select.select([], [writing], [], left)
                left -= time.monotonic() - began
            except OSError:
                return

    try:
        yield say
    finally:
        os.close(writing)
        if not select.select([lives], [], [], patience)[0]:
            os.kill(child, signal.SIGKILL)
        os.close(lives)
        os.waitpid(child, 0)
