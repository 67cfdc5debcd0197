"""A server that runs beside a test, from its ``with`` on until the end of the block."""

from __future__ import annotations

import threading
from http.server import HTTPServer
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self", bound="Background")


class Background:
    """Runs ``listener`` in a thread.

    Args:
        listener: bound already.
    """

    def __init__(self, listener: HTTPServer) -> None:
        self._listener = listener
        self._thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self: Self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
