"""Folders of the user, which may hold anything."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import shutil
import stat
from typing import Callable, Optional

from melda.base import descriptors, log

LEVELS = 40  # folders in each other that are open at the same time


def set_aside(path: str, keep_name: bool = True) -> str:
    """Give what is at ``path`` another name; it keeps its content.

    Args:
        path: a file, a folder, or whatever it is.
        keep_name: begin the other name with the one it had; else nothing of that is left which had a meaning.

    Returns:
        The other name.

    Raises:
        OSError: it cannot be renamed.
    """
    name = descriptors.aside_name(os.path.basename(path) if keep_name else "")
    os.replace(path, os.path.join(os.path.dirname(path), name))
    return name


def rename(source: str, target: str) -> None:
    """Rename it, also a folder that its owner may not write.

    Raises:
        OSError: it cannot be done; nothing was changed.
    """
    try:
        os.rename(source, target)
    except PermissionError:
        found = os.lstat(source)
        if not stat.S_ISDIR(found.st_mode):
            raise
        mode = stat.S_IMODE(found.st_mode)
        os.chmod(source, mode | 0o700)
        try:
            os.rename(source, target)
        except OSError:
            os.chmod(source, mode)
            raise
        os.chmod(target, mode)


def move_aside(path: str, keep_name: bool = True) -> None:
    """Set aside what stands in the way, as :func:`set_aside` does; the log says so."""
    name = set_aside(path, keep_name)
    log.warn(f"{path} was in the way and is set aside as {name}")


def check(path: str, links: bool = False) -> bool:
    """See that a folder of ours is at ``path``, or nothing: else it is set aside. Its owner may use it from then on.

    Args:
        path: its parent is there.
        links: may it be a link to a folder?

    Returns:
        Whether a folder is there.

    Raises:
        OSError: what is there cannot be looked at, as a bucket does not answer for instance, or cannot be set aside.
    """
    try:
        found = os.lstat(path)
        if links and stat.S_ISLNK(found.st_mode) and os.path.isdir(path):
            found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    # A link to a folder neither, as a rule: whoever mounts here later follows none.
    if not stat.S_ISDIR(found.st_mode):
        move_aside(path)
        return False
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o500 != 0o500 and found.st_uid == os.geteuid():
        os.chmod(path, mode | 0o700)
        log.line(f"{path} had mode {mode:03o}, and has {mode | 0o700:03o} now")
    return True


def make(top: str, *below: str, links: bool = False) -> str:
    """Make the folder ``top/below...``, each part of it; see :func:`check` for what is in its place.

    Returns:
        Its path.

    Raises:
        OSError: it cannot be made.
    """
    path = top
    for name in ("", *below):
        path = os.path.join(path, name) if name else path
        if not check(path, links):
            os.makedirs(path, exist_ok=True)
    return path


def clear(path: str) -> None:
    """Remove whatever is at ``path``; what cannot be removed, because it is too deep for instance, is set aside.

    Raises:
        OSError: neither can be done.
    """
    with contextlib.suppress(OSError, RecursionError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    if os.path.lexists(path):
        move_aside(path, keep_name=False)


def _open(name: str, folder: Optional[int] = None) -> int:
    """Return a descriptor of the folder ``name``, which its owner may read and change from now on."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        number = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=folder)
        number = os.open(name, flags, dir_fd=folder)
    if os.fstat(number).st_mode & 0o700 != 0o700:
        os.fchmod(number, 0o700)
    return number


def _empty(folder: int, levels: int, aside: Callable[[int, str], None]) -> None:
    """Remove what is in a folder, ``levels`` deep; folders that are deeper are given to ``aside``."""
    with os.scandir(folder) as listed:
        children = [(child.name, child.is_dir(follow_symlinks=False)) for child in listed]
    for name, is_folder in children:
        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
            if not is_folder:
                os.unlink(name, dir_fd=folder)
            elif levels:
                inner = _open(name, folder)
                try:
                    _empty(inner, levels - 1, aside)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=folder)
            else:
                aside(folder, name)


def remove(path: str) -> None:
    """Remove a file, or a folder and what is in it, also what is read-only; nothing if it is not there.

    However deep it is: what lies deeper than Python and descriptors reach is moved up first.

    Raises:
        OSError: something stays.
    """
    try:
        top = _open(path)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(path)
        return
    prefix, waiting, count = f".melda-{secrets.token_hex(8)}-", [""], itertools.count()

    def aside(folder: int, name: str) -> None:
        new = prefix + str(next(count))
        os.close(_open(name, folder))  # a folder that moves must be writable itself
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=top)
        waiting.append(new)

    try:
        while waiting:
            name = waiting.pop()
            with contextlib.suppress(FileNotFoundError):
                folder = _open(name or ".", top)
                try:
                    _empty(folder, LEVELS, aside)
                finally:
                    os.close(folder)
                if name:
                    os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)
