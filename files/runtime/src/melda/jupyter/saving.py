"""A save that fails leaves the file as it was, whatever fails: a full disk shows only when what was written is flushed.

jupyter_server flushes behind what puts the backup back, and the file it opened is empty by then; on the way there it closes
the file, which fails a second time (jupyter_server/services/contents/fileio.py, atomic_writing, 2.21).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import sys
import threading
from typing import IO, Any, Dict, Iterator, List

FILES = ("jupyter_server.services.contents.fileio", "notebook.services.contents.fileio")  # notebook 7, notebook 6
CHECKPOINTS = ".ipynb_checkpoints"
BACKUP = ".~"  # before the name; as Jupyter calls it
LONGEST = 255  # bytes of a name, on disks
_changed = threading.Condition()
_written: List[str] = []  # what is being written, by whatever thread


def followed(path: str) -> str:
    """Return the path that is written when a link is: what it leads to, as in Jupyter."""
    return os.path.join(os.path.dirname(path), os.readlink(path)) if os.path.islink(path) else path


def unfinished(seconds: float) -> List[str]:
    """Wait until nothing is being written, and return what still is. The end of a process ends a save in the middle of it."""
    with _changed:
        _changed.wait_for(lambda: not _written, seconds)
        return list(_written)


@contextlib.contextmanager
def _noted(path: str) -> Iterator[None]:
    with _changed:
        _written.append(path)
    try:
        yield
    finally:
        with _changed:
            _written.remove(path)
            _changed.notify_all()


@contextlib.contextmanager
def writing(path: str, text: bool = True, encoding: str = "utf-8", log: Any = None, **given: Any) -> Iterator[IO[Any]]:
    """Write a file, or leave it as it was; in place of Jupyter's ``atomic_writing``.

    Args:
        path: of the file; of a link, what it leads to is written.
        text: open it as text?
        encoding: of a text.
        log: not used; Jupyter's own has it.
        given: for :func:`open`.

    Raises:
        OSError: it cannot be written, the disk is full for instance.
    """
    path = followed(path)
    with _noted(path), _replacing(path, text, encoding, given) as stream:
        yield stream


def _fitting(name: str) -> str:
    """Return a name as it is, or another one where it is longer than a disk takes; both begin alike, and stay hidden."""
    whole = os.fsencode(name)
    return name if len(whole) <= LONGEST else name[: len(BACKUP)] + hashlib.sha256(whole).hexdigest()


@contextlib.contextmanager
def _replacing(path: str, text: bool, encoding: str, given: Dict[str, Any]) -> Iterator[IO[Any]]:
    folder, name = os.path.split(path)
    existed = os.path.isfile(path)
    backup = os.path.join(folder, _fitting(BACKUP + name)) if existed and os.access(folder or ".", os.W_OK) else ""
    if backup:
        _copy_new(path, backup)
    options = {"newline": "\n", "encoding": encoding, **given} if text else given
    try:
        with open(path, "w" if text else "wb", **options) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        if backup:
            os.replace(backup, path)
        elif not existed:
            with contextlib.suppress(OSError):
                os.unlink(path)
        raise
    if backup:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(backup)


def _copy_new(source: str, target: str) -> None:
    """Copy a file; half a copy does not stay."""
    if not os.access(source, os.W_OK):  # Jupyter's rule: what may not be written is not saved either
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source)
    try:
        shutil.copyfile(source, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(target)
        raise
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)


def copy(source: str, target: str, log: Any = None) -> None:
    """Copy a file to its checkpoint, or a checkpoint back; in place of Jupyter's ``copy2_safe``.

    Args:
        source, target: paths. A target that is no checkpoint stays as it was if the copy fails.
        log: not used; Jupyter's own has it.
    """
    if not os.path.isfile(target) or os.path.basename(os.path.dirname(target)) == CHECKPOINTS:
        _copy_new(source, target)
        return
    with open(source, "rb") as stream, writing(target, text=False) as written:
        shutil.copyfileobj(stream, written)
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)


async def copy_in_thread(source: str, target: str, log: Any = None) -> None:
    """Do the same while others are served; in place of Jupyter's ``async_copy2_safe``."""
    await asyncio.get_running_loop().run_in_executor(None, copy, source, target)


def _fitting_path(found: Any) -> Any:
    """Return the method which names a checkpoint that does so, too: without a checkpoint no notebook is saved."""

    def checkpoint_path(self: Any, *given: Any, **more: Any) -> str:
        folder, name = os.path.split(found(self, *given, **more))
        return os.path.join(folder, _fitting(name))

    return checkpoint_path


def install() -> None:
    """Let the Jupyter that was loaded write so."""
    for name in FILES:
        module: Any = sys.modules.get(name)
        if module is not None:
            module.atomic_writing, module.copy2_safe, module.async_copy2_safe = writing, copy, copy_in_thread
        checkpoints: Any = sys.modules.get(name.replace("fileio", "filecheckpoints"))
        if checkpoints is not None:
            checkpoints.FileCheckpoints.checkpoint_path = _fitting_path(checkpoints.FileCheckpoints.checkpoint_path)
