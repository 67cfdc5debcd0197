"""What the project has on a target, as its tasks say while a run is prepared, and as an earlier run wrote it down there.

It is a file of root's, a line for each path or block: its kind, the path, and of a block its marker.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, NamedTuple, Set
from weakref import WeakKeyDictionary, WeakSet

from melda.base.paths import MANAGED
from pyinfra import host, state

from tasks.facts.files import FileContents, PathStats
from tasks.lib.managed_files import ManagedFile, expected

BLOCK = "block"
_LINE = re.compile(r"(file|link|directory) (/[\w.@+/-]+)|(block) (/[\w.@+/-]+) ([\w -]+)", re.ASCII)


class Managed(NamedTuple):
    """One path that the project has, or one block in a file of somebody else's.

    Attributes:
        path: absolute path.
        kind: ``file``, ``link`` or ``directory``, as PathStats has it; or :data:`BLOCK`.
        marker: of a block.
    """

    path: str
    kind: str
    marker: str = ""

    def line(self) -> str:
        """Return what is written down."""
        return f"{self.kind} {self.path} {self.marker}".rstrip() + "\n"


_WANTED: WeakKeyDictionary[Any, Set[Managed]] = WeakKeyDictionary()
_BEGUN: WeakSet[Any] = WeakSet()


def _this() -> Any:
    return state.inventory.get_host(host.name)  # not the context's stand-in for it


def begin() -> None:
    """Say that this run is the whole deploy on this host: what no task wants, the project no longer has."""
    _BEGUN.add(_this())


def begun() -> bool:
    """Is this run the whole deploy on this host?"""
    return _this() in _BEGUN


def wanted() -> Set[Managed]:
    """Return what the tasks of this run want on this host: all of it only once the run is prepared."""
    return _WANTED.setdefault(_this(), set())


def keep(entries: Iterable[ManagedFile]) -> None:
    """Say that these are the project's."""
    wanted().update(Managed(entry.path, expected(entry)[0]) for entry in entries)


def keep_block(path: str, marker: str) -> None:
    """Say that a block in a file of somebody else's is the project's."""
    wanted().add(Managed(path, BLOCK, marker))


def parsed(text: str) -> Set[Managed]:
    """Return what is written down; a line that is none of ours is skipped."""
    found = (_LINE.fullmatch(line) for line in text.split("\n"))
    whole = (one for one in found if one and "/../" not in f"{one[2] or one[4]}/")
    return {Managed(one[2], one[1]) if one[1] else Managed(one[4], BLOCK, one[5]) for one in whole}


def recorded() -> Set[Managed]:
    """Return what an earlier run wrote down, nothing if others than root could have written there."""
    about = host.get_fact(PathStats, paths=[MANAGED]).get(MANAGED, ())
    trusted = about[:4] == ("file", "644", "root", "root")
    return parsed(host.get_fact(FileContents, path=MANAGED)) if trusted else set()


def written() -> ManagedFile:
    """Return the file that says what this run wants."""
    return ManagedFile(MANAGED, "".join(sorted(one.line() for one in wanted())).encode())
