"""Folders that somebody may rename meanwhile: held by descriptors, and looked at once, never by a path twice.

The user may exchange a folder of the home for a symbolic link at any moment. What root opens there it opens name by name,
never through a link of the user's, and what it changes it changes on what it opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import stat
from typing import Collection, List, Optional, Tuple

from melda.base import log

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LINKS = 40  # followed on one way, as many as the kernel does
LONGEST_NAME = 255  # bytes (NAME_MAX)
SET_ASIDE = re.compile(r"set-aside-[0-9a-f]{8}$")  # how the name of what is set aside ends
AT_EMPTY_PATH = 0x1000  # linux/fcntl.h
# It went away, or became something else: whoever may rename may do that, and it is no error of ours.
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)

Identity = Tuple[int, int]
_LIBC = ctypes.CDLL(None, use_errno=True)


def aside_name(name: str) -> str:
    """Return another name for what is set aside, which nobody can have taken.

    What cannot be set aside would keep every later start from making the folder.

    Args:
        name: the one it had, with which the other begins as far as there is room; empty: nothing of it is left.
    """
    end = f"set-aside-{secrets.token_hex(4)}"
    kept = os.fsencode(name)[: LONGEST_NAME - len(end) - 1]
    return f"{os.fsdecode(kept)}.{end}" if name else end


def _others_may_write(folder: int) -> bool:
    found = os.fstat(folder)
    return found.st_uid != 0 or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _made(name: str, above: int, path: str) -> int:
    """Return a descriptor of a new folder in one that others may write, with its owner; what is in the way is set aside there."""
    other = aside_name(name)
    with contextlib.suppress(FileNotFoundError):
        os.rename(name, other, src_dir_fd=above, dst_dir_fd=above)
        log.warn(f"{path}: {name} was no folder, and is set aside as {other}; a new one is made")
    os.mkdir(name, 0o755, dir_fd=above)
    inner = os.open(name, os.O_PATH | FOLDER, dir_fd=above)
    found = os.fstat(above)
    change_owner(inner, found.st_uid, found.st_gid)
    return inner


def clear_names(path: str, names: Collection[str]) -> None:
    """See that nothing is called so in a folder that others may write: a folder is set aside there, all else removed.

    Args:
        path: of the folder.
        names: in it.

    Raises:
        OSError: it cannot be done.
    """
    above = folder(path, os.O_PATH)
    try:
        for name in names:
            try:
                os.unlink(name, dir_fd=above)
            except FileNotFoundError:
                continue
            except IsADirectoryError:
                # However deep it is, and however much is in it. It may have gone meanwhile.
                other = aside_name(name)
                with contextlib.suppress(FileNotFoundError):
                    os.rename(name, other, src_dir_fd=above, dst_dir_fd=above)
                    log.warn(f"{path}/{name} was a folder, and is set aside as {other}")
    finally:
        os.close(above)


def folder(path: str, flags: int = os.O_RDONLY, make: bool = False) -> int:
    """Return a descriptor of the folder ``path``, opened name by name.

    A link is followed where it and all folders before it are root's alone, like /var/run; anywhere else somebody could
    have put it there.

    Args:
        path: absolute.
        flags: O_RDONLY to list it, O_PATH for all else.
        make: make it where others may write and it is none, or not there; what is in the way is set aside.

    Raises:
        OSError: it is none, or a link is on the way; its text is for people.
    """
    here, roots, links = os.open("/", os.O_PATH | FOLDER), True, 0
    names = _names(path)
    try:
        while names:
            name, roots = names.pop(), roots and not _others_may_write(here)
            try:
                inner = os.open(name, os.O_PATH | FOLDER, dir_fd=here)
            except OSError as error:
                target = _link(name, here)
                if make and not roots and (target is not None or error.errno in GONE):
                    inner = _made(name, here, path)
                elif target is None:
                    raise OSError(error.errno, os.strerror(error.errno or errno.EIO), path) from None
                else:
                    links += 1
                    if not roots or links > LINKS:
                        raise OSError(errno.ELOOP, f"{name!r} on the way is a symbolic link", path) from None
                    names += _names(target)
                    inner = os.open("/" if target.startswith("/") else ".", os.O_PATH | FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        return os.dup(here) if flags & os.O_PATH else os.open(".", flags | FOLDER, dir_fd=here)
    finally:
        os.close(here)


def _names(path: str) -> List[str]:
    """Return the names in a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _link(name: str, above: int) -> Optional[str]:
    with contextlib.suppress(OSError):
        return os.readlink(name, dir_fd=above)
    return None


def identity(number: int) -> Identity:
    """Return what stays the same whatever it is called."""
    found = os.fstat(number)
    return found.st_dev, found.st_ino


def mount_of(number: int) -> int:
    """Return the mount through which it was opened (proc(5), fdinfo): a bind mount of the same file system is another."""
    info = os.open(f"/proc/self/fdinfo/{number}", os.O_RDONLY)
    try:
        return int(os.read(info, 4096).split(b"mnt_id:", 1)[1].split(None, 1)[0])
    finally:
        os.close(info)


def change_owner(number: int, uid: int, gid: int) -> None:
    """Change the owner of what a descriptor stands for, whatever it is called now; of a link, the link's own.

    Raises:
        OSError: it cannot be changed.
    """
    if _LIBC.fchownat(number, b"", uid, gid, AT_EMPTY_PATH):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
