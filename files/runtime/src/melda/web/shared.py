"""An answer that takes a while, worked out once for all who asked before that began: a crowd costs as much as one."""

from __future__ import annotations

import threading
import time
from typing import Callable, Generic, List, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """What :meth:`get` returns is never older than the question."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._began = -1.0
        self._found: List[T] = []

    def get(self, asked: float) -> T:
        """Return the answer.

        Args:
            asked: when it was asked for (time.monotonic()).
        """
        with self._lock:
            if not self._found or self._began < asked:
                began = time.monotonic()
                self._found = [self._work()]
                self._began = began
            return self._found[0]
