"""What the processes of a container do, read from proc(5) by whoever may read it."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple

TICKS = float(os.sysconf("SC_CLK_TCK"))
# sshd's process for a session of somebody who has logged in, by the title it gives itself; from 9.8 on it is a program of its
# own. "sshd: root [priv]" is anybody who has only said that name.
SSH = re.compile(r"sshd(-session)?: \S+@(pts/|notty)")
PTS = (136, 143)  # numbers of major devices; linux/Documentation/admin-guide/devices.txt


class Process(NamedTuple):
    """A process.

    Attributes:
        pid: its number.
        began: clock ticks after the boot at which it began: a number alone may be another process's by now.
        uid: of its user.
        seconds: of processor time, those of its ended children included.
        session: number of its session's leader.
        terminal: path of its terminal; empty: it has none.
    """

    pid: int
    began: int
    uid: int
    seconds: float
    session: int
    terminal: str


def _terminal(device: int) -> str:
    major, minor = device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00
    return f"/dev/pts/{(major - PTS[0]) * 256 + minor}" if PTS[0] <= major <= PTS[1] else ""


def text(path: str) -> str:
    """Return the text of one of the kernel's files; empty where there is none, or none that may be read."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read(1 << 16)
    return ""


def stat(pid: str, proc: str = "/proc") -> List[str]:
    """Return the fields of proc(5)'s stat, from the state on; none if the process has ended."""
    return text(f"{proc}/{pid}/stat").rpartition(") ")[2].split()


def table(proc: str = "/proc") -> Iterator[Process]:
    """Return all processes that can be seen; one that ends meanwhile is left out.

    Args:
        proc: where they are listed.
    """
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = stat(name, proc)
                used = sum(int(field) for field in fields[11:15]) / TICKS
                uid = os.stat(f"{proc}/{name}").st_uid
                yield Process(int(name), int(fields[19]), uid, used, int(fields[3]), _terminal(int(fields[4])))


def connections(proc: str = "/proc") -> int:
    """Return the number of ssh connections in which somebody has logged in, and runs something."""
    lines = (text(f"{proc}/{name}/cmdline") for name in os.listdir(proc) if name.isdigit())
    return sum(bool(SSH.match(line.replace("\0", " "))) for line in lines)


def terminals(processes: List[Process]) -> List[str]:
    """Paths of the terminals that somebody has open; not that of the container itself (``docker run --tty``)."""
    own = {process.terminal for process in processes if process.pid == 1}
    return sorted({process.terminal for process in processes if process.terminal} - own)


def last_used(paths: List[str]) -> float:
    """Seconds since 1970 at which anything was typed or shown in one of these terminals (the kernel is exact to 8 s)."""
    latest = 0.0
    for path in paths:
        with contextlib.suppress(OSError):
            found = os.stat(path)
            latest = max(latest, found.st_atime, found.st_mtime)
    return latest


class Meter:
    """How much processor time the processes of one user take, between two looks.

    Args:
        uid: of the user.
    """

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._before: Dict[Tuple[int, int], float] = {}
        self._at: Optional[float] = None

    def read(self, processes: List[Process], now: float, without: Collection[int] = ()) -> float:
        """Return processors that were busy since the last look, such as 0.98; 0 at the first.

        Args:
            processes: as :func:`table` gives them.
            now: seconds of a clock that only goes forward.
            without: numbers of processes that do not count.
        """
        current = {(one.pid, one.began): one.seconds for one in processes if one.uid == self._uid}
        counted = ((key, seconds) for key, seconds in current.items() if key[0] not in without)
        used = sum(max(0.0, seconds - self._before.get(key, 0.0)) for key, seconds in counted)
        since, self._before, self._at = self._at, current, now
        return used / (now - since) if since is not None and now > since else 0.0
