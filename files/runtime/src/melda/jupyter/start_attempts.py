"""A start of Jupyter, and a second one without the user's configuration if the first does not come to listen.

What the user writes into ~/.jupyter is run by Jupyter, and lies there at every later start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from typing import Callable, List, NoReturn

from melda.base import folders, log, textfiles
from melda.jupyter import odd_files
from melda.jupyter import service as jupyter

# In the environment of the second attempt: why there is one.
REASON = "MELDA_JUPYTER_REASON"
CONFIGURATION, RUNTIME, DATA = "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR"
IPYTHON, LAST_MADE = "IPYTHONDIR", "~/.ipython/profile_default/startup/README"  # without which IPython does not start
PAGE = 4096  # bytes: a block of most file systems
LARGEST_SECRET = 4096  # bytes
LONGEST_LINE = 200  # bytes of what root says


def make_usable(home: str, runtime: str) -> None:
    """See that Jupyter can make what it needs in the home: what is in the way is set aside."""
    try:
        # jupyter_core ends where it may not look into the second of them.
        for name in (".jupyter", ".ipython"):
            folders.check(os.path.join(home, name), links=True)
        below = os.path.relpath(runtime, home).split("/")
        path = home
        for name in below if below[0] != ".." else []:
            path = os.path.join(path, name)
            if not folders.check(path, links=True):
                break  # Jupyter makes it
        secret = os.path.join(runtime, "jupyter_cookie_secret")
        if os.path.isfile(secret) and os.path.getsize(secret) > LARGEST_SECRET:
            folders.move_aside(secret)
        configuration, ipython = (os.path.join(home, name) for name in (".jupyter", ".ipython"))
        odd_files.set_aside(configuration, runtime, os.path.dirname(runtime), ipython)
    except Exception as error:  # then Jupyter says what it makes of it
        log.warn(f"jupyter: {runtime}: {error}")


def have_room(runtime: str) -> None:
    """Let Jupyter write what it must elsewhere, where the home is full: else it does not start, and nobody could make room.

    Terminals need none.

    Args:
        runtime: where Jupyter writes, in the folder of its data.
    """
    try:
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=runtime) as stream:
            stream.write(bytes(PAGE))
    except OSError as error:
        data = os.path.dirname(runtime)
        with contextlib.suppress(OSError):  # there is none in /tmp either: then Jupyter says what it makes of it
            other = tempfile.mkdtemp(prefix="jupyter-")
            os.environ[RUNTIME] = os.path.join(other, "runtime")
            os.mkdir(os.environ[RUNTIME], 0o700)
            if not os.path.isdir(data):
                os.environ[DATA] = other
            if not os.path.isfile(
                os.path.expanduser(LAST_MADE)
            ):  # who asks for kernels makes the folder, and they the rest
                os.environ.setdefault(IPYTHON, os.path.join(other, "ipython"))
            log.warn(f"jupyter: {runtime} cannot be written, and {other} is taken: {error.strerror}")


class Attempt:
    """One of at most two starts.

    Args:
        command: to run this program again.
        told: path of a file that says why the configuration is skipped, for the health check.
    """

    def __init__(self, command: List[str], told: str = jupyter.LEFT_OUT) -> None:
        self._command, self._told = command, told
        self.reason = os.environ.pop(REASON, "")
        self.over = False

    def wait(self) -> bool:
        """Wait until root says that everything is ready, and whether the last start had failed (:mod:`melda.jupyter.start_note`).

        Returns:
            False if root is gone.
        """
        if self.reason:  # the second attempt: it was said to the first
            return True
        line = os.read(0, LONGEST_LINE)
        self.reason = line.decode("ascii", "replace").strip()
        return bool(line)

    def begin(self) -> None:
        """Leave the configuration out if there is a reason."""
        if self.reason:
            os.environ[CONFIGURATION] = _empty_folder()
            log.warn(f"jupyter: ~/.jupyter is left out: {self.reason}")
            with contextlib.suppress(OSError):
                textfiles.replace(self._told, f"left out: {self.reason}")

    def finish(self) -> None:
        """Take note that it listens."""
        self.over = True
        if self.reason:
            os.environ.pop(CONFIGURATION, None)  # kernels and terminals have the user's

    def again(self, reason: str) -> NoReturn:
        """Become the second attempt."""
        os.environ[REASON] = reason
        os.execv(self._command[0], self._command)  # nosec B606 # noqa: S606

    def run(self, serve: Callable[[], object]) -> int:
        """Serve until it is over."""
        make_usable(os.path.expanduser("~"), _runtime())
        have_room(_runtime())
        self.begin()
        code = 1
        try:
            code = _number(serve())
            reason = f"Jupyter ended with exit code {code}"
        except SystemExit as error:
            code = _number(error.code)
            reason = f"Jupyter ended with exit code {code}"
        except Exception as error:
            if self.over or self.reason:
                raise
            sys.excepthook(type(error), error, error.__traceback__)
            reason = "{0}: {1}".format(type(error).__name__, " ".join(str(error).split())[:200])
        if not (self.over or self.reason):
            self.again(reason)
        return code


def _empty_folder() -> str:
    try:
        path = tempfile.mkdtemp(prefix="jupyter-")
        # Else jupyter_core would look for IPython's of old.
        with open(os.path.join(path, "migrated"), "w", encoding="ascii"):
            return path
    except OSError:  # the disk is full, say
        return os.devnull + "/none"


def _number(code: object) -> int:
    return code if isinstance(code, int) else int(code is not None)


def _runtime() -> str:
    with contextlib.suppress(Exception):
        return str(importlib.import_module("jupyter_core.paths").jupyter_runtime_dir())
    return os.path.expanduser("~/.local/share/jupyter/runtime")
