"""How much memory this container may use, and uses (cgroups(7), of both versions)."""

from __future__ import annotations

import os
from typing import Optional, Tuple

ROOT = "/sys/fs/cgroup"
# Of the second version and the first. A number as large as the last means that there is no limit.
LIMIT = ("memory.max", "memory/memory.limit_in_bytes")
USED = ("memory.current", "memory/memory.usage_in_bytes")
NO_LIMIT = 1 << 60


def _number(names: Tuple[str, str], root: str) -> Optional[int]:
    for name in names:
        try:
            with open(os.path.join(root, name), encoding="ascii") as stream:
                return int(stream.read())
        except (OSError, ValueError):
            continue
    return None


def memory_limit(root: str = ROOT) -> Optional[int]:
    """Bytes at which the container is killed; None: there is no limit, or none to be seen."""
    found = _number(LIMIT, root)
    return None if found is None or found >= NO_LIMIT else found


def memory_used(root: str = ROOT) -> Optional[int]:
    """Bytes that the container uses now; None: it cannot be seen."""
    return _number(USED, root)
