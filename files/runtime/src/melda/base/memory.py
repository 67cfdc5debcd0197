"""How much memory this container may use, and uses, and how many of its processes the kernel has killed for want of it."""

from __future__ import annotations

import re
from typing import Callable, Optional, Tuple

from melda.base import log, procfs

FOLDER = "/sys/fs/cgroup"  # in a container its own group; on a host, or without a namespace, that of all
# Of cgroup v2, then of v1 (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory.events).
LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
USED = ("memory.current", "memory/memory.usage_in_bytes")
STATISTICS = ("memory.stat", "memory/memory.stat")
EVENTS = ("memory.events", "memory/memory.oom_control")
NONE = 1 << 60  # v1's "no limit" is a number like this
PAUSE = 5.0  # seconds between two looks


def _read(folder: str, names: Tuple[str, ...]) -> str:
    return next(filter(None, (procfs.text(f"{folder}/{name}") for name in names)), "")


def limit(folder: str = FOLDER) -> Optional[int]:
    """Return the limit in bytes; None if there is none, or it is not known."""
    text = _read(folder, LIMITS).strip()
    return int(text) if text.isdecimal() and int(text) < NONE else None


def used(folder: str = FOLDER) -> Optional[int]:
    """Return the bytes in use now; None: they are not known.

    Without the files that the kernel keeps in memory and nobody has read for a while: it drops them before it kills, and
    docker stats and the kubelet do not count them either
    (https://docs.docker.com/reference/cli/docker/container/stats/).
    """
    text = _read(folder, USED).strip()
    # v1's own inactive_file is of the group alone, its total is of those below it too, as v2's.
    lines = re.findall(r"^(?:total_)?inactive_file (\d+)$", _read(folder, STATISTICS), re.MULTILINE)
    return max(0, int(text) - int(lines[-1] if lines else 0)) if text.isdecimal() else None


def killed(folder: str = FOLDER) -> int:
    """Return how many processes were killed since the container started."""
    found = re.search(r"^oom_kill (\d+)$", _read(folder, EVENTS), re.MULTILINE)
    return int(found.group(1)) if found else 0


def sentence(count: int, folder: str = FOLDER) -> str:
    """Say that ``count`` processes were killed, and of what."""
    most = limit(folder)
    of = f"the container's limit of {most / (1 << 30):.1f} GiB" if most else "the host's memory"
    return f"{count} process{'es' if count > 1 else ''} killed by the kernel, as {of} was used up"


def watch(folder: str = FOLDER) -> Callable[[], float]:
    """Return a function that logs each kill it finds, and returns in how many seconds it is to be called again."""
    known = [killed(folder)]

    def look() -> float:
        now = killed(folder)
        if now > known[0]:
            log.error(
                f"memory: {sentence(now - known[0], folder)}; a notebook whose kernel it was has lost its variables"
            )
        known[0] = now
        return PAUSE

    return look
