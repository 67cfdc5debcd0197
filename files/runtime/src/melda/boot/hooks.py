"""A site's own programs in a start: as root before anything of the user's runs, and as the user before the kernels do."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import time
from typing import List, Mapping

from melda.base import log, processes, users
from melda.base.errors import ConfigError
from melda.base.paths import HOOKS

ROOTS, USERS = HOOKS + "/start.d", HOOKS + "/user.d"
SECONDS = 60.0  # for each


def find(folder: str, owner: int = 0) -> List[str]:
    """Return the programs of a folder, in the order of their names.

    Args:
        folder: it need not be there.
        owner: number of the user who alone may change them.

    Raises:
        ConfigError: somebody else may change one, or the folder: it is in an image, whose user could become root with it.
    """
    if not os.path.isdir(folder):
        return []
    found = []
    for path in (folder, *(os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name[0] != ".")):
        seen = os.lstat(path)
        whole = stat.S_ISDIR(seen.st_mode) if path == folder else stat.S_ISREG(seen.st_mode)
        if not whole or seen.st_uid != owner or seen.st_mode & 0o022:
            raise ConfigError(f"invalid {path}: expected a regular file that only root can change, in such a folder")
        if path != folder and seen.st_mode & 0o100:
            found.append(path)
        elif path != folder:
            log.warn(f"hooks: {path} is left out, as it is not executable")
    return found


def _run(path: str, who: users.Account, environment: Mapping[str, str]) -> str:
    """Return what went wrong; empty: nothing."""
    output = log.users_terminal if who.uid else None
    child = subprocess.Popen(
        [path], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(environment), cwd="/",
        preexec_fn=processes.as_account(who),  # noqa: PLW1509 before exec, in a process without threads
    )  # fmt: skip
    try:
        code = child.wait(SECONDS)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)  # it leads a session of its own
        with contextlib.suppress(subprocess.TimeoutExpired):  # in a mount that hangs it may stay
            child.wait(1.0)
        if not isinstance(error, subprocess.TimeoutExpired):  # the container is to stop
            raise
        return f"it did not end within {SECONDS:g} s"
    return "" if code == 0 else f"it ended with exit code {code}" if code > 0 else f"it was killed by signal {-code}"


def run(folder: str, who: users.Account, environment: Mapping[str, str], owner: int = 0) -> List[str]:
    """Run all programs of a folder, one after the other, and return the names of those that ran.

    Raises:
        ConfigError: one of them failed: what a site relies on is missing then.
    """
    names = []
    for path in find(folder, owner):
        began = time.monotonic()
        try:
            problem = _run(path, who, environment)
        except (OSError, subprocess.SubprocessError) as error:  # no such interpreter; the folder is gone
            problem = str(error)
        if problem:
            raise ConfigError(f"the hook {path} failed: {problem}; its output is above")
        names.append("{0} in {1:.1f} s".format(os.path.basename(path), time.monotonic() - began))
    return names or ["none"]
