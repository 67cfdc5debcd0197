"""Servers that tests talk to: tornado's within limits, and a peer that answers what it is told to, as slowly as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def serving(make: Callable[[], Any]) -> Iterator[tuple[int, Any]]:
    """The port of a tornado server that a thread runs, and the server.

    Args:
        make: makes it, in its thread.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    loop = asyncio.new_event_loop()
    found: list[Any] = []
    ready = threading.Event()

    async def serve() -> None:
        found.append(make())
        found[0].add_sockets([listening])
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield listening.getsockname()[1], found[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()


@contextlib.contextmanager
def peer(answer: bytes, pause: float = 0.0, path: str = "") -> Iterator[Any]:
    """Whatever listens where somebody else was expected: it says ``answer``, in pieces, again and again, to whoever connects.

    Args:
        answer: to each connection; not read from, and never closed by us before the test is over.
        pause: seconds between two bytes; 0: the whole answer at once, for ever.
        path: of a Unix socket; empty: a port of this host.
    """
    listening = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listening.bind(path or ("127.0.0.1", 0))
    listening.listen(8)
    over = threading.Event()

    def talk() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    while not over.wait(pause):
                        connection.sendall(answer[:1] if pause else answer)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield path or ("127.0.0.1", listening.getsockname()[1])
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def ended(connection: socket.socket, seconds: float = 10.0) -> bool:
    """Does the other end close the connection? What it says before does not count."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            if not connection.recv(1 << 16):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True
