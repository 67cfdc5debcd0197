"""The log: one line a step, with the time it took, on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Iterator, List

PREFIX = "start-jupyter: "


def line(text: str) -> None:
    """Write one line; control characters in it (a bucket's name, a file's) cannot make it two."""
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    # One write, because the services write to the same stream.
    with contextlib.suppress(OSError):
        sys.stderr.write(PREFIX + clean.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def step(name: str) -> Iterator[List[str]]:
    """Log ``name``, the details the block appends to the yielded list, and the seconds the block took.

    Nothing is logged if the block raises: the error is the line then.
    """
    began = time.monotonic()
    details: List[str] = []
    yield details
    line(
        "{0} ({1:.2f} s)".format(
            ": ".join([name] + [", ".join(details)] if details else [name]), time.monotonic() - began
        )
    )
