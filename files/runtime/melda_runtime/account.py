"""The user whose notebooks run, and doing things as that user."""

from __future__ import annotations

import os
import pwd
import signal
import time
from typing import Callable, NamedTuple, Tuple

from melda_runtime.errors import Refused


class Account(NamedTuple):
    """A user, as a process needs it.

    Attributes:
        name: login name.
        uid, gid: numbers of the user and of its own group.
        groups: numbers of all its groups.
        home: absolute path of its home.
        shell: its login shell.
    """

    name: str
    uid: int
    gid: int
    groups: Tuple[int, ...]
    home: str
    shell: str


def find(name: str) -> Account:
    """The account called ``name``.

    Raises:
        Refused: it does not exist, or is root (notebooks must not run as root).
    """
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise Refused("username={0!r} is not right: there is no such user in this container".format(name)) from None
    if entry.pw_uid == 0:
        raise Refused("username={0!r} is not right: notebooks do not run as root".format(name))
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, entry.pw_shell)


ROOT = Account("root", 0, 0, (0,), "/root", "/bin/bash")


def become(account: Account) -> None:
    """Turn this process into one of ``account``, for good. Without effect if it already is."""
    if os.geteuid() != account.uid:
        os.setgroups(list(account.groups))
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)


def do_as(account: Account, action: Callable[[], object], seconds: float) -> None:
    """Do ``action`` in a child process that is ``account``.

    What lies in a folder of the user is touched in this way only: as root, a symbolic link that the user left
    there would lead us anywhere; and a file system that hangs must not hang us.

    Args:
        account: whom the child becomes.
        action: what it does; an OSError it raises is reported.
        seconds: how long it may take.

    Raises:
        OSError: what ``action`` raised, as text.
        TimeoutError: it did not finish in time.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            become(account)
            os.umask(0o022)
            action()
            code = 0
        except Exception as error:  # whatever it is, the parent reports it
            os.write(writing, (str(error) or repr(error)).encode("utf-8", "backslashreplace")[:1000])
        finally:
            os._exit(code)
    os.close(writing)
    try:
        status = _wait(child, time.monotonic() + seconds)
        if status != 0:
            raise OSError(os.read(reading, 1000).decode("utf-8", "replace") or "ended with status {0}".format(status))
    finally:
        os.close(reading)


def _wait(child: int, deadline: float) -> int:
    pause = 0.001
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if time.monotonic() > deadline:
            # It is not waited for: in a file system that hangs it may stay; the supervisor reaps it when it
            # goes.
            os.kill(child, signal.SIGKILL)
            raise TimeoutError("no answer in time")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
