"""Locks: requirements files with a version and hashes for each package."""

from __future__ import annotations

import re
from typing import Dict, List

from packaging.utils import canonicalize_name
from pyinfra.api import DeployError

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


def beginning(lock: bytes, initials: str) -> bytes:
    """Take the packages whose names begin with some letters out of a lock.

    Args:
        lock: text of a requirements file.
        initials: the first and the last letter, ``a-o``; a digit comes before all letters. Empty: all packages.

    Raises:
        DeployError: they are no letters.
    """
    if not initials:
        return lock
    found = re.fullmatch(r"([a-z])-([a-z])", initials)
    if not found:
        raise DeployError(f"invalid INITIALS={initials}: expected two letters such as a-o")
    first, last = found.groups()
    return "".join(
        entry for entry in entries(lock.decode()) if (first if first > "a" else "") <= entry[0].lower() <= last
    ).encode()
