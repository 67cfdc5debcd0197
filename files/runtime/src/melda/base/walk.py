"""A tree that somebody may change meanwhile, walked over by descriptors, however deep and wide it is."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Callable, Collection, Generator, Iterator, List, Tuple, Union

from melda.base import log
from melda.base.descriptors import FOLDER, GONE, Identity, identity, mount_of

HELD = 32  # levels of a tree that stay open, with two descriptors each; the way back from deeper ones is ".."
MOST = 100_000  # names of folders in deeper ones that are remembered


@contextlib.contextmanager
def _opened(name: str, above: int) -> Iterator[int]:
    """Return a descriptor of whatever is called so in the folder ``above``; -1 if nothing is any more."""
    number = -1
    try:
        number = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        if error.errno not in GONE:
            raise
    try:
        yield number
    finally:
        if number >= 0:
            os.close(number)


Found = Tuple[int, os.stat_result]
Entries = Generator[Union[str, Found], None, None]


class _Level:
    """A folder that is walked over.

    Attributes:
        number: its descriptor; -1 while it is closed.
        entries: what is still to come: names of its folders, and all else that is given.
        names: of folders that are still to come and were read at once.
    """

    __slots__ = ("depth", "entries", "identity", "names", "number")

    def __init__(self, number: int, found: Identity, depth: int, entries: Entries) -> None:
        self.number, self.identity, self.depth, self.entries = number, found, depth, entries
        self.names: List[str] = []

    def close(self) -> None:
        self.entries.close()
        if self.number >= 0:
            os.close(self.number)
            self.number = -1


class Walk:
    """Everything below a folder, on the same mount, without a limit of depth, in memory and descriptors that have one.

    Iterated over, it gives a descriptor of each, which is closed afterwards, and what it is. Nothing is found through a link.
    What goes away or becomes something else meanwhile is skipped; so is what is deeper than :data:`HELD` levels in a
    folder that is moved while it is walked over.

    Args:
        top: descriptor of the folder, which the caller closes.
        wanted: which of those that are no folders are opened; folders all are.
        left_out: folders that are neither given nor looked into.
    """

    def __init__(self, top: int, wanted: Callable[[os.stat_result], bool], left_out: Collection[Identity] = ()) -> None:
        self._top, self._mount, self._wanted, self._left_out = top, mount_of(top), wanted, left_out
        self._kept = self._skipped = 0

    def __iter__(self) -> Iterator[Found]:
        levels: List[_Level] = []
        try:
            levels.append(self._level(self._top, os.fstat(self._top), 0))
            while levels:
                here = levels[-1]
                self._kept -= bool(here.names)
                item = here.names.pop() if here.names else next(here.entries, "")
                if not isinstance(item, str):
                    yield item
                elif not item:
                    self._leave(levels)
                else:
                    yield from self._enter(levels, item)
        finally:
            for level in levels:
                level.close()
        if self._skipped:
            log.warn(f"{self._skipped} folders deeper than {HELD} levels are not looked at: there are too many")

    def _level(self, number: int, found: os.stat_result, depth: int) -> _Level:
        inner = os.open(".", os.O_RDONLY | FOLDER, dir_fd=number)
        return _Level(inner, (found.st_dev, found.st_ino), depth, self._entries(inner))

    def _entries(self, level: int) -> Entries:
        """Give what is in a folder as it comes: names of a million folders would be 300 MB."""
        with os.scandir(level) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError as error:
                    if error.errno not in GONE:
                        raise
                    continue
                if stat.S_ISDIR(found.st_mode):
                    yield entry.name
                elif self._wanted(found):
                    with _opened(entry.name, level) as number:
                        if number < 0 or mount_of(number) != self._mount:
                            continue
                        found = os.fstat(number)
                        if not stat.S_ISDIR(found.st_mode) and self._wanted(found):
                            yield number, found

    def _enter(self, levels: List[_Level], name: str) -> Iterator[Found]:
        here = levels[-1]
        with _opened(name, here.number) as number:
            # Not even its kind is asked for on another mount, whose server may be gone.
            if number < 0 or mount_of(number) != self._mount:
                return
            found = os.fstat(number)
            if not stat.S_ISDIR(found.st_mode) or (found.st_dev, found.st_ino) in self._left_out:
                return
            inner = self._level(number, found, here.depth + 1)
        if len(levels) > HELD:
            here.close()
            if not here.names:
                levels.pop()  # nobody goes back there
        levels.append(inner)
        yield inner.number, found
        if len(levels) <= HELD:
            return
        for item in inner.entries:  # it will be closed while deeper ones are looked at
            if not isinstance(item, str):
                yield item
            elif self._kept < MOST:
                inner.names.append(item)
                self._kept += 1
            else:
                self._skipped += 1

    def _leave(self, levels: List[_Level]) -> None:
        """Go back to the next folder above with something to come, if it is still above; else to the deepest one that is held."""
        left = levels.pop()
        if levels and levels[-1].number < 0:
            for _ in range(left.depth - levels[-1].depth):
                back = os.open("..", os.O_PATH | FOLDER, dir_fd=left.number)
                os.close(left.number)
                left.number = back
            if identity(left.number) == levels[-1].identity:
                levels[-1].number, left.number = left.number, -1
            while levels[-1].number < 0:
                self._kept -= len(levels.pop().names)
        left.close()
