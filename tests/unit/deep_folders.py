"""Folders in each other, deeper than a path may be long."""

from __future__ import annotations

import os
from pathlib import Path


def descend(top: Path, depth: int) -> None:
    """Make folders called d in each other.

    Args:
        top: the folder that holds the first.
        depth: how many.
    """
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
