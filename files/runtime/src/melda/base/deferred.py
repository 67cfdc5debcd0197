"""Whose turn it is: what nobody waits for loads its code when Jupyter, for which somebody does, has loaded its own."""

from __future__ import annotations

import os
import time

PATIENCE = 3.0  # seconds; where Jupyter does not come to listen, /healthz says so
PAUSE = 0.02


def wait(path: str, seconds: float = PATIENCE) -> None:
    """Wait until something is at ``path``.

    Args:
        path: where.
        seconds: to wait at most.
    """
    deadline = time.monotonic() + seconds
    while not os.path.lexists(path) and time.monotonic() < deadline:
        time.sleep(PAUSE)
