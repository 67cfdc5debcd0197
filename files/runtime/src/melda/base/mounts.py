"""What is mounted where, and mounting by descriptor: the folders lie in the user's home, where paths mean nothing for long."""

from __future__ import annotations

import ctypes
import os
import re
from typing import List, NamedTuple, Optional

from melda.base import descriptors

MOUNTINFO = "/proc/self/mountinfo"
MS_BIND, MS_PRIVATE, MNT_DETACH = 4096, 1 << 18, 2  # linux/mount.h


class Mount(NamedTuple):
    """A line of proc(5)'s mountinfo.

    Attributes:
        number: of the mount.
        device: of its file system; all mounts of one have the same.
        path: where it is now.
        kind: type of the file system.
    """

    number: int
    device: str
    path: str
    kind: str


def table() -> List[Mount]:
    """Return all mounts; a later one covers those before it at the same path."""
    found = []
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as stream:
        for line in stream:
            fields = line.split(" ")
            # The kernel writes blanks, line ends and backslashes in octal.
            path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), fields[4])
            found.append(Mount(int(fields[0]), fields[2], path, fields[fields.index("-", 6) + 1]))
    return found


def at(path: str) -> Optional[Mount]:
    """Return what is mounted exactly at ``path``."""
    return next((mount for mount in reversed(table()) if mount.path == path), None)


def _mount(source: Optional[bytes], target: bytes, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, target, None, ctypes.c_ulong(flags), None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _by_number(number: int) -> bytes:
    return f"/proc/self/fd/{number}".encode()


def bind(source: int, target: int) -> None:
    """Mount the folder that one descriptor stands for over that of another, whatever both are called by now.

    Raises:
        OSError: it cannot be mounted.
    """
    _mount(_by_number(source), _by_number(target), MS_BIND)


def make_private(path: str) -> None:
    """Keep what is mounted below one mount from appearing below its other places, as it does where systemd runs.

    Args:
        path: where it is mounted; nobody but root may rename it.

    Raises:
        OSError: nothing is mounted there.
    """
    _mount(None, os.fsencode(path), MS_PRIVATE)


def detach(mount: Mount) -> None:
    """Take a mount away, and what is mounted in it; its server is told when nobody has a file of it open any more.

    Raises:
        OSError: it is not there any more, or cannot be taken away.
    """
    number = descriptors.folder(mount.path, os.O_PATH)
    try:
        if descriptors.mount_of(number) != mount.number:
            raise OSError("another folder is there by now")
        libc = ctypes.CDLL(None, use_errno=True)
        # Only lazily: our own descriptor keeps it busy, until it is closed here.
        if libc.umount2(_by_number(number), MNT_DETACH):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(number)
