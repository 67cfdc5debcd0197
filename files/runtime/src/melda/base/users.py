"""The user whose notebooks run, and doing things as that user."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pwd
import signal
import time
from typing import Callable, NamedTuple, Optional, Tuple

from melda.base import pressure
from melda.base.addresses import shown
from melda.base.errors import ConfigError


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
    """Return the account called ``name``.

    Raises:
        ConfigError: it does not exist, or is root (notebooks must not run as root).
    """
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise ConfigError(f"invalid username={shown(name)!r}: expected a user of this container") from None
    if entry.pw_uid == 0:
        raise ConfigError(f"invalid username={shown(name)!r}: expected another user than root")
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, entry.pw_shell)


DONE = b"\0"  # no error's text
ROOT = Account("root", 0, 0, (0,), "/root", "/bin/bash")


_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)  # here: it is used between fork and exec


def drop_privileges(account: Account) -> None:
    """Turn this process into one of ``account``, for good.

    Nothing that it or its children execute gives them more rights, setuid or not.

    Raises:
        OSError: it cannot become it.
    """
    if os.geteuid() != account.uid:
        os.setgroups(list(account.groups))
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    if account.uid != 0 and _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")


def hide() -> None:
    """Keep other processes of this account out of this one's memory and environment, which began as root's.

    Raises:
        OSError: that cannot be had.
    """
    if _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the process cannot be made undumpable")


class Child:
    """A child process that is ``account`` and does one thing.

    What lies in a folder of the user is touched in this way only: as root, a symbolic link that the user left there
    would lead us anywhere; and a file system that hangs must not hang us.

    Args:
        account: whom the child becomes.
        action: what it does; the text of an error it raises is its answer.
    """

    def __init__(self, account: Account, action: Callable[[], object]) -> None:
        self._over = False
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self._reading)
            os.close(writing)
            raise
        if self.pid == 0:
            try:
                os.close(self._reading)
                signal.pthread_sigmask(signal.SIG_SETMASK, [])
                drop_privileges(account)
                if account.uid != 0:
                    hide()  # its memory is a copy of ours, keys and token among it, whatever fs.suid_dumpable says
                os.umask(0o022)
                action()
                os.write(writing, DONE)
            except BaseException as error:  # whatever it is, the parent reports it
                os.write(writing, (str(error) or repr(error)).encode("utf-8", "backslashreplace")[:1000])
            finally:
                os._exit(0)
        os.close(writing)

    def answer(self) -> Optional[str]:
        """Empty if it was done; what went wrong; None while it goes on. To be asked until it is not None."""
        try:
            output = os.read(self._reading, 1001)
        except BlockingIOError:
            return None
        self._over = True
        return "" if output == DONE else output.decode("utf-8", "replace") or "it was killed"

    def close(self) -> None:
        """Forget it, and kill it if it goes on.

        It is not waited for: in a file system that hangs it may stay; the supervisor reaps it when it goes.
        """
        os.close(self._reading)
        if not self._over:
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # reaped already
            os.waitpid(self.pid, os.WNOHANG)


def run_as(account: Account, action: Callable[[], object], seconds: float) -> None:
    """Do ``action`` in a :class:`Child`, and wait for it.

    Args:
        account: whom the child becomes.
        action: what it does; an OSError it raises is reported.
        seconds: how long it may take.

    Raises:
        OSError: what ``action`` raised, as text.
        TimeoutError: it did not finish in time.
    """
    deadline, pause = time.monotonic() + seconds, 0.001
    try:
        child = pressure.tried(lambda: Child(account, action), seconds)
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None
    try:
        answer = child.answer()
        while answer is None:
            if time.monotonic() > deadline:
                raise TimeoutError("no answer in time")
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
            answer = child.answer()
        if answer:
            raise OSError(answer)
    finally:
        child.close()
