"""Which descriptors this process has open, whatever earlier tests left to the garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


def numbers() -> list[str]:
    """List the open descriptors, the one of this look among them."""
    return os.listdir("/proc/self/fd")


@contextmanager
def none_left() -> Iterator[list[str]]:
    """Fail if the block leaves a descriptor open; give those that were open before it."""
    gc.collect()  # else a socket that another test forgot may be closed in the middle of this one
    before = numbers()
    yield before
    assert numbers() == before, "each descriptor is closed"
