"""What Jupyter opens in the user's home, and cannot be read: a FIFO waits for a writer, for ever, 20 GB take the memory.

At a start what is no file is set aside. What comes later is an error of the one request that asks for it, also on the event loop.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from typing import Any, Callable, Iterable, Iterator, List, Tuple

from melda.base import descriptors, folders, log

SECONDS = 1.0  # for all of it: what is looked at last, a large folder of extensions for instance, may be left out
# Names under which Jupyter opens nothing but files; below an extension or a kernel a folder may have any name.
FILES = re.compile(
    r".+\.jupyterlab-(settings|workspace)|(jupyter|ipython|nbconvert)_?\w*config\.(py|json)|jpserver-\d+.*|nbserver-\d+.*"
    r"|(kernel|package|page_config|overrides|default_setting_overrides)\.json5?|nbsignatures\.db(-\w+)?|\w+_secret|migrated"
)
FOLDERS = ("lab", "lab/user-settings", "lab/workspaces", "labconfig", "nbconfig", "custom", "serverconfig",
           "jupyter_config.d", "jupyter_server_config.d", "jupyter_notebook_config.d")  # fmt: skip
READERS = (
    "jupyter_client.kernelspec", "jupyterlab_server.config", "jupyterlab_server.settings_utils",
    "jupyterlab_server.settings_handler", "jupyter_server.config_manager",
)  # fmt: skip
PATHS = ("jupyterlab_server.workspaces_handler", "nbformat.sign", "notebook.app")  # open by pathlib
# Where they look for files of extensions: an error of one would cost all.
LISTS = (("jupyterlab_server.config", "iglob"), ("jupyterlab_server.settings_utils", "glob"))
LARGEST = 1 << 26  # bytes of a file that they read as a whole, of which most have some KB


def _is_odd(path: str) -> bool:
    """Is something there that cannot be read as the file it should be?"""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False  # a link to nothing: Jupyter takes it as if nothing were there
    except OSError as error:
        return error.errno == errno.ELOOP
    if stat.S_ISDIR(found.st_mode) or stat.S_ISSOCK(
        found.st_mode
    ):  # to open one is an error at once; kernels may have some
        return FILES.fullmatch(os.path.basename(path)) is not None
    if not stat.S_ISREG(found.st_mode):
        return True
    # Its mode says so for its owner, whom root in a test is too.
    return not (found.st_mode & 0o400 if found.st_uid == os.geteuid() else os.access(path, os.R_OK))


def _below(top: str, until: float) -> Iterator[Tuple[str, bool]]:
    """Give all paths below a folder, the upper ones first, and whether each is a folder; links to folders are followed once."""
    todo, seen = [top], set()
    while todo and time.monotonic() < until:
        folder = todo.pop(0)
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as found:
                children: List[os.DirEntry[str]] = sorted(found, key=lambda child: child.name)
        except OSError:
            continue
        for child in children:
            try:
                is_folder = child.is_dir()
            except OSError:
                is_folder = False
            yield child.path, is_folder
            if is_folder and os.path.isdir(child.path):  # else it was set aside
                todo.append(child.path)


def set_aside(configuration: str, *more: str, seconds: float = SECONDS) -> None:
    """Set aside what would be in Jupyter's way."""
    until = time.monotonic() + seconds
    for name in FOLDERS:
        path = os.path.join(configuration, name)
        if os.path.isdir(os.path.dirname(path)):
            _attempt(folders.check, path, True)
    for top in (configuration, *more):
        for path, is_folder in _below(top, until):
            if descriptors.SET_ASIDE.search(path):
                continue
            if _is_odd(path):
                _attempt(folders.move_aside, path)
            elif is_folder:
                _attempt(folders.check, path, True)
    if time.monotonic() > until:
        log.warn(f"jupyter: not everything in {more[-1] if more else configuration} was looked at")


def _attempt(action: Callable[..., object], *given: object) -> None:
    try:
        action(*given)
    except OSError as error:  # a folder that is another's
        log.line(f"jupyter: {error}")


def _is_read(path: Any) -> bool:
    """Is it a file, and no larger than can be read as a whole? Another thread reads on when its request is long over."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST


def _of_read(found: Callable[..., Iterable[Any]]) -> Callable[..., List[Any]]:
    return lambda *given, **more: list(filter(_is_read, found(*given, **more)))


def regular(path: Any, mode: str = "r", *given: Any, **more: Any) -> Any:
    """Open a file as :func:`open` does, but nothing else.

    Raises:
        OSError: EINVAL: it is something else; EFBIG: it is too large to be read.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is no regular file", path)
    if "r" in mode and not _is_read(path) and os.path.exists(path):
        raise OSError(errno.EFBIG, f"it is too large to be read: {LARGEST >> 20} MB are the most", path)
    return open(path, mode, *given, **more)


def install() -> None:
    """Let the Jupyter that was loaded open files alone where it reads the user's settings, kernels and extensions."""
    for module in [vars(sys.modules[name]) for name in READERS if name in sys.modules]:
        module["open"] = regular
    for name, function in LISTS:
        module = vars(sys.modules[name]) if name in sys.modules else {}
        if function in module:
            module[function] = _of_read(module[function])
    for module in [vars(sys.modules[name]) for name in PATHS if name in sys.modules]:
        module["Path"] = _regular_path(module["Path"])


def _regular_path(path: Any) -> Any:
    class Regular(type(path())):  # type: ignore[misc]
        """A path that is opened as a file, or not at all."""

        def open(self, *given: Any, **more: Any) -> Any:
            """As pathlib does."""
            return regular(str(self), *given, **more)

        def iterdir(self) -> Iterator[Any]:
            """Leave out what cannot be read: an error of one workspace would cost the list."""
            return filter(_is_read, super().iterdir())

    return Regular
