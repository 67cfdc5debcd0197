"""How many processors this container may use: of those that it may run on, as many as its quota of processor time pays for."""

from __future__ import annotations

import math
import os
from pathlib import PurePosixPath
from typing import Iterator, Optional

from melda.base import processes, procfs

FOLDER = "/sys/fs/cgroup"


def _quotas(folder: str, group: str) -> Iterator[float]:
    """Processors that this cgroup and those above it pay for. In a namespace of its own the container's is the root.

    Of cgroup v2, then of v1: microseconds, and in how many (https://docs.kernel.org/scheduler/sched-bwc.html).
    """
    own = PurePosixPath(group or "/")
    for path in (own, *own.parents):
        v1 = [procfs.text(f"{folder}/cpu{path}/cpu.cfs_{name}_us") for name in ("quota", "period")]
        for text in (procfs.text(f"{folder}{path}/cpu.max"), " ".join(v1)):
            numbers = text.split()
            if len(numbers) == 2 and all(number.isdecimal() and int(number) for number in numbers):
                yield int(numbers[0]) / int(numbers[1])


def limit(folder: str = FOLDER, group: Optional[str] = None) -> int:
    """Return the number: a part of a processor counts as one.

    Args:
        folder: where cgroups are.
        group: path of the own one in it; this process's unless given.
    """
    allowed = len(os.sched_getaffinity(0))
    return min([allowed, *map(math.ceil, _quotas(folder, processes.cgroup() if group is None else group))])
