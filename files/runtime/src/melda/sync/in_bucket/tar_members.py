"""A tar stream, member by member: what is no file, folder or link of the user's own does not pass, nor more than agreed.

tar(1) keeps names and links within the folder it unpacks into, but unpacks FIFOs and devices, and as much as there is.
Reading it all with :mod:`tarfile` takes ten times as long.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Callable, List, Union

BLOCK = 512
LONGEST = 4000  # bytes of a member's name
LONGEST_NAMES = 16384  # bytes of a header that holds a long name, or a link's long target
LARGEST = 1 << 42  # bytes of one member
MOST = 2_000_000  # members
FILE_TYPES = (b"0", b"5", b"2")  # files, folders, symbolic links: all that we archive
LONG = (b"L", b"K")
END = bytes(2 * BLOCK)


class Damaged(Exception):
    """An archive is not what it should be."""


def _size(field: bytes) -> int:
    """Return a number as GNU tar writes it: octal digits, or binary where they are too few."""
    if field[0] == 0x80:
        size = int.from_bytes(field[1:], "big")
    elif re.fullmatch(rb"[0-7]+[\0 ]", field):
        size = int(field[:-1], 8)
    else:
        raise Damaged("a size in it is none")
    if size > LARGEST:
        raise Damaged(f"a file in it has {size} bytes")
    return size


class Filter:
    """Passes on what may be in an archive.

    Args:
        write: takes what passes.
        most: bytes that all members may have together; more is :class:`Damaged`.
        room: bytes that there is room for.
    """

    def __init__(self, write: Callable[[bytes], object], most: int, room: int) -> None:
        self.total = 0  # bytes of all members
        self._write, self._most, self._room = write, most, room
        self._head = bytearray()
        self._left = 0  # bytes of the member that are still to come
        self._passing = False
        self._names: List[bytes] = []  # headers with the next member's long name and target
        self._collecting = False
        self._name = b""  # the long one
        self._count = 0
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream.

        Raises:
            Damaged: it is no archive of ours, or larger than agreed.
            OSError: there is no room for it.
        """
        rest = memoryview(data)
        out: List[Union[bytes, memoryview]] = []
        while rest and not self._ended:
            if self._left:
                part = rest[: self._left]
                self._left -= len(part)
                if self._collecting:
                    self._names[-1] += part
                elif self._passing:
                    out.append(part)
            else:
                part = rest[: BLOCK - len(self._head)]
                self._head += part
                if len(self._head) == BLOCK:
                    head, self._head = bytes(self._head), bytearray()
                    out += self._member(head)
            rest = rest[len(part) :]
        if out:
            self._write(b"".join(out))

    def finish(self) -> None:
        """Take note that the stream is over.

        Raises:
            Damaged: it was interrupted.
        """
        if not self._ended:
            raise Damaged("it is interrupted")
        self._write(END)

    def _member(self, head: bytes) -> List[bytes]:
        """Return what passes at the beginning of a member."""
        if head == bytes(BLOCK):
            self._ended = True
            return []
        if sum(head) - sum(head[148:156]) + 8 * 0x20 != _size(head[148:154] + b" ") or head[257:265] != b"ustar  \0":
            raise Damaged("it is no archive of GNU tar's")
        kind, size = head[156:157], _size(head[124:136])
        self._left = -(-size // BLOCK) * BLOCK
        self._collecting = kind in LONG
        if self._collecting:
            if size > LONGEST_NAMES:
                raise Damaged("a name in it is too long")
            if any(other[156:157] == kind for other in self._names):  # tar takes the last one
                raise Damaged("a file in it has two names")
            self._names.append(head)
            return []
        names, self._names = self._names, []
        longs = [name[BLOCK : BLOCK + _size(name[124:136])] for name in names if name[156:157] == b"L"]
        name = (longs[0] if longs else head[:100]).partition(b"\0")[0]
        self._count, self.total = self._count + 1, self.total + BLOCK + self._left
        if self.total > self._most or self._count > MOST:
            raise Damaged("it is larger than an archive of its size can be")
        if self.total > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        steps = name.split(b"/")
        safe = b".." not in steps and steps[0] and len(name) <= LONGEST and max(map(len, steps)) <= 255
        # A name with a slash at its end is a folder's for tar, which then reads the content of the "file" as members.
        content = kind == b"0" and not name.endswith(b"/")
        self._passing = bool(kind in FILE_TYPES and safe and (content or not size))
        return [*names, head] if self._passing else []
