"""The client that runs cells: it waits no longer than it is told."""

from __future__ import annotations

import time

import pytest
import websocket

from tests.container.notebook import Kernel


class Pinging:
    """A server that pings, and has nothing to say; ``recv`` goes on behind pings, as websocket-client's does."""

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, text: str) -> None:
        assert "cell" in text

    def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
        began = time.monotonic()
        while not control_frame:
            assert time.monotonic() < began + 1, "it waits longer than it was told"
        return websocket.ABNF.OPCODE_PING, b""

    def recv(self) -> bytes:
        return self.recv_data()[1]


def test_pings_are_no_answer() -> None:
    kernel = object.__new__(Kernel)
    kernel._session, kernel._socket = "session", Pinging()  # type: ignore[assignment]
    with pytest.raises(TimeoutError, match="no end of 'cell'"):
        kernel.run("cell", timeout=0.2)
