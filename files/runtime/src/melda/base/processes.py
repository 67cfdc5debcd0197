"""Processes: who they become, which of them ended, which are the container's, and ending those that are left."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from typing import Callable, Collection, Dict, Iterator, List, Mapping, Set, Tuple

from melda.base import oom, procfs, users
from melda.base.errors import ConfigError

CONTROLLERS = ("devices", "memory", "pids", "")  # of cgroup v1, each of which Docker uses; "": of v2
LOOKS, PAUSE = 5, 0.2  # docker exec moves a process into our cgroup just before it has our mounts
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MOST = 10_000  # children that are reaped in one go
OF_THE_MACHINE = "cgroup:[4026531835]"  # linux/proc_ns.h, PROC_CGROUP_INIT_INO


def as_account(who: users.Account, score: int = 0) -> Callable[[], None]:
    """Return what a child does before it turns into a service: own session, no blocked signals, ``who``'s rights.

    Args:
        who: whose rights.
        score: see :mod:`melda.base.oom`.
    """

    def prepare() -> None:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if score:
            oom.offer(score)
        users.drop_privileges(who)
        os.umask(0o022)

    return prepare


def exit_code(status: int) -> int:
    """Return a wait status as :mod:`subprocess` counts: the exit code, or minus the signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def ended() -> Iterator[Tuple[int, int]]:
    """Reap children that ended, adopted ones included: their process number and exit code.

    Whoever makes them as fast as they are reaped keeps nobody here: the rest has its turn at the next SIGCHLD, which is sent.
    """
    with contextlib.suppress(ChildProcessError):
        for _ in range(MOST):
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, exit_code(status)
        signal.raise_signal(signal.SIGCHLD)


def adopt() -> None:
    """Be the parent of every process whose own parent ends before it, as PID 1 is anyway (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cgroup(pid: str = "self", proc: str = "/proc") -> str:
    """Path of a process's cgroup (cgroups(7)), which only root can change; empty where there is none to be seen."""
    found: Dict[str, str] = {}
    for line in procfs.text(f"{proc}/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return next((found[name] for name in CONTROLLERS if name in found), "")


def _lives(fields: List[str]) -> bool:
    # A process whose first thread has ended is a zombie with more threads than that: it can still write.
    return bool(fields) and (fields[0] not in "ZX" or int(fields[17]) > 1)


def _ancestors(stats: Mapping[int, List[str]]) -> Set[int]:
    found, pid = {1}, os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        fields = stats.get(pid)
        pid = int(fields[1]) if fields else 0
    return found


def others(spared: Collection[int], group: str, proc: str = "/proc", process_trees: bool = False) -> List[int]:
    """Return all processes of the container but this one, those it comes from, and ``spared``.

    Args:
        spared: process numbers.
        group: the container's cgroup. PID 1 does not need it, who sees nobody else's processes; for anybody else none
            is the container's if it is empty: on a host all would be everybody's.
        proc: where processes are listed.
        process_trees: are those spared, too, that the spared have started, and what they started?
    """
    first = os.getpid() == 1
    if not first and not group:
        return []
    stats = {int(name): procfs.stat(name, proc) for name in os.listdir(proc) if name.isdigit()}
    without = {*spared, *({1} if first else _ancestors(stats))}

    def of_spared(pid: int) -> bool:
        # Not for ever: a number that was given again meanwhile may make two each other's parent.
        for _ in stats:
            if pid in spared or not stats.get(pid):
                break
            pid = int(stats[pid][1])
        return pid in spared

    return [
        pid
        for pid, fields in stats.items()
        if _lives(fields)
        and pid not in without
        and (first or cgroup(str(pid), proc) == group)
        and not (process_trees and of_spared(pid))
    ]


def _namespace(pid: str, kind: str, proc: str) -> str:
    try:
        return os.readlink(os.path.join(proc, pid, "ns", kind))
    except OSError:
        return ""


def container(proc: str = "/proc") -> str:
    """Return the cgroup by which the container's processes are known; empty for PID 1, who needs none.

    To be asked before anything is started: whoever is in our cgroup now and has other mounts is not of this container.

    Raises:
        ConfigError: the processes cannot be told from others. What writes at the stop would go on, and be lost.
    """
    if os.getpid() == 1:
        return ""
    group, ours = cgroup(proc=proc), _namespace("self", "mnt", proc)
    if group == "/" and _namespace("self", "cgroup", proc) in ("", OF_THE_MACHINE):
        group = ""  # the host's: in a container that has a cgroup of its own, it may be called so
    for look in range(LOOKS if group else 0):
        time.sleep(PAUSE if look else 0)
        if all(_namespace(str(pid), "mnt", proc) == ours for pid in others((), group, proc)):
            return group
    raise ConfigError(
        "this container's processes cannot be told from others': it is not PID 1 and has no cgroup of its own;"
        " start it without --pid, or with a cgroup of its own (--cgroup-parent)"
    )


def _signal(pids: Collection[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended; or we may not, without CAP_KILL
            os.kill(pid, number)


def _kill_standing(left: Callable[[], Collection[int]], reap: Callable[[], None]) -> None:
    """Kill what forks faster than it is killed: it has to stand still first."""
    if os.getpid() == 1:
        # All at once, so that nobody forks meanwhile; who is spared goes on after it.
        _signal([-1], signal.SIGSTOP)
        try:
            _signal(left(), signal.SIGKILL)
        finally:
            _signal([-1], signal.SIGCONT)
        return
    stopped: Set[int] = set()
    for _ in range(100):
        new = set(left()) - stopped
        if not new:
            break
        _signal(new, signal.SIGSTOP)
        stopped |= new
        reap()


def end(left: Callable[[], Collection[int]], grace: float, reap: Callable[[], None], killed: float) -> None:
    """End processes: SIGTERM, then, after ``grace`` seconds, SIGKILL.

    Args:
        left: says which, again and again.
        grace: seconds between the two.
        reap: takes those that ended out of the process table.
        killed: seconds for those that were killed; one whose last write is on its way to S3 ends when it is there.
    """
    deadline = time.monotonic() + grace
    _signal(left(), signal.SIGTERM)
    while left() and time.monotonic() < deadline:
        reap()
        time.sleep(0.02)
    _kill_standing(left, reap)
    deadline = time.monotonic() + killed
    there = left()
    while there:
        _signal(there, signal.SIGKILL)
        reap()
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
        there = left()
