"""Locks: requirements files with a version and hashes for each package."""

from __future__ import annotations

import re
from typing import Dict, List

from packaging.utils import canonicalize_name

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: bytes) -> Dict[str, str]:
    """Read canonical name -> version of every package a lock pins."""
    return {canonicalize_name(name): version for name, version in _PINNED.findall(lock.decode())}


def entries(lock: str) -> List[str]:
    """Split a lock into its packages, each with the lines of its hashes."""
    found: List[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith(" ") and found:
            found[-1] += line
        else:
            found.append(line)
    return found
