"""Processes: who they become, which of them ended, and ending those that are left."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Callable, Collection, Iterator, List, Tuple

from melda_runtime import account


def as_account(who: account.Account) -> Callable[[], None]:
    """What a child does before it turns into a service: own session, no blocked signals, ``who``'s rights."""

    def prepare() -> None:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        account.become(who)
        os.umask(0o022)

    return prepare


def exit_code(status: int) -> int:
    """A wait status as :mod:`subprocess` counts: the exit code, or minus the signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def ended() -> Iterator[Tuple[int, int]]:
    """Reap all children that ended, adopted ones included: their process number and exit code."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, exit_code(status)


def others(spared: Collection[int]) -> List[int]:
    """All processes of the container but this one and ``spared``; none if this is not a container's PID 1."""
    if os.getpid() != 1:
        return []  # on a machine these would be everybody's processes
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != 1 and int(name) not in spared]


def end_others(spared: Collection[int], patience: float, reap: Callable[[], None]) -> None:
    """End all other processes of the container: SIGTERM, then, after ``patience`` seconds, SIGKILL.

    ``reap`` takes those that ended out of the process table.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience
        for pid in others(spared):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while others(spared) and time.monotonic() < deadline:
            reap()
            time.sleep(0.01)
