"""Says which operation of how many runs, how long each took, and what a person should know."""

from __future__ import annotations

import time
from typing import Any, List

from pyinfra import logger, state
from pyinfra.api.state import BaseStateCallback

from tasks.lib import callbacks


class Progress(BaseStateCallback):
    """pyinfra's callbacks: it numbers the operations of the run and times them, in seconds."""

    def __init__(self) -> None:
        self.started = 0.0
        self.order: List[str] = []

    def operation_start(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        self.started = time.monotonic()
        if not self.order:
            self.order = list(state.get_op_order())
        logger.info(f"[{self.order.index(op_hash) + 1}/{len(self.order)}]")

    def operation_end(self, state: Any, op_hash: str) -> None:  # type: ignore[override]
        logger.info(f"    took {time.monotonic() - self.started:.1f} s")


def show() -> None:
    """Show progress for the rest of this run, once however many hosts it has."""
    callbacks.once(Progress)


def say(text: str) -> None:
    """Say something to whoever runs the deploy, once: pyinfra calls an operation also while it prepares the run."""
    if state.is_executing:
        logger.warning(f"    {text}")
