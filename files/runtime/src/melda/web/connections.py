"""How long a request may take to arrive, and which connection is closed when there are too many.

tornado by itself lets everybody keep as many connections as there are descriptors, each for an hour (its
``idle_connection_timeout``), as long as a byte comes now and then.
"""

from __future__ import annotations

import logging
import resource
import socket
import time
from typing import Any, Awaitable, Callable, Dict, Iterable, NamedTuple, Optional, Union

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate
from tornado.ioloop import IOLoop

# Connections that the kernel keeps for us until we come to accept them.
BACKLOG = 1024
DESCRIPTORS = 65536
SWEEP = 1.0  # seconds between two looks for connections whose time is over
WARN = 60.0  # seconds between two lines about connections that had to make room
LOG = logging.getLogger("tornado.general")

Trusts = Callable[[Any, Any, HTTPHeaders], Union[bool, Awaitable[bool]]]


class Limits(NamedTuple):
    """What a server gives to clients that it does not trust.

    Attributes:
        connections: how many there may be; for one more the oldest that waits for its client is closed.
        request: seconds until a whole request must be there.
        idle: seconds that a connection may wait for another request, once it had an answer.
        stalled: seconds without a byte, of a body that is trusted or an answer that is not read.
        body: bytes of a request's body.
    """

    connections: int
    request: float
    idle: float
    stalled: float
    body: int


def raise_descriptors() -> int:
    """Allow this process the descriptors that it may have; the number.

    Not all of a million: programs that close everything up to the limit before they start a child inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        soft = highest
    return highest if soft == resource.RLIM_INFINITY else soft


def is_gone(request_conn: Any) -> bool:
    """Is there nobody any more who could read the answer?"""
    stream = getattr(request_conn, "stream", None)
    return stream is None or bool(stream.closed())


class _Gone(HTTPMessageDelegate):
    """What a connection had sent before it was closed: tornado goes on to read it, and would ask for all of it to be answered."""

    def __init__(self, request_conn: Any) -> None:
        self._request_conn = request_conn

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Optional[Awaitable[None]]:
        self._request_conn.detach()  # that ends its loop
        return None


class _Connection:
    """What is known of a connection.

    Attributes:
        stream: its bytes.
        answers: how many requests it has sent.
        pending: is a request of it still to arrive, wholly or in part?
        begun: is a request's header here?
        trusted: did that show that its client may use the server?
        moved: when it came into this state; and when a byte came or went that counts.
    """

    __slots__ = ("answers", "begun", "moved", "pending", "stream", "trusted")

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.answers = -1
        self.pending = self.begun = self.trusted = False
        self.moved = 0.0
        write = stream.write_to_fd

        def write_to_fd(data: memoryview) -> Any:
            try:
                written = write(data)
            finally:
                del data  # as tornado's own: https://github.com/tornadoweb/tornado/pull/2008
            if written:
                self.moved = time.monotonic()
            return written

        stream.write_to_fd = write_to_fd

    def over(self, limits: Limits, now: float) -> bool:
        """Is its time over?"""
        waited = now - self.moved
        if not self.pending:
            return waited > limits.stalled and bool(self.stream.writing())
        if self.begun:
            return waited > (limits.stalled if self.trusted else limits.request)
        return waited > (limits.idle if self.answers else limits.request)


class _Delegate(HTTPMessageDelegate):
    """Notes how far a request is, on its way to who answers it."""

    def __init__(self, server: Server, key: Any, request_conn: Any, delegate: HTTPMessageDelegate) -> None:
        self._server, self._key, self._request_conn, self._delegate = server, key, request_conn, delegate

    def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Optional[Awaitable[None]]:
        trusted = self._server.begun(self._key, start_line, headers)
        if not isinstance(trusted, bool):
            return self._wait(trusted, start_line, headers)
        self._server.judged(self._key, self._request_conn, trusted)
        return self._delegate.headers_received(start_line, headers)

    async def _wait(self, trusted: Awaitable[bool], start_line: Any, headers: HTTPHeaders) -> None:
        """No body is read before it is known whether its client is trusted."""
        self._server.judged(self._key, self._request_conn, await trusted)
        more = self._delegate.headers_received(start_line, headers)
        if more is not None:
            await more

    def data_received(self, chunk: bytes) -> Optional[Awaitable[None]]:
        self._server.received(self._key)
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._server.complete(self._key)
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class Server(HTTPServer):
    """tornado's server within :class:`Limits`.

    A connection that was detached (a WebSocket) is none of ours any more, and never closed.
    """

    def initialize(  # type: ignore[override]
        self, *args: Any, limits: Limits, trusts: Trusts = lambda *_: False, **options: Any
    ) -> None:
        """As tornado's.

        Args:
            args, options: tornado's.
            limits: for those who are not trusted.
            trusts: given what answers requests, a request's first line and its headers: is it trusted? Or who will say it;
                until then it is not.
        """
        super().initialize(*args, **options)
        # Others need descriptors too: kernels, files, the sockets to them.
        self.limits = limits._replace(connections=min(limits.connections, raise_descriptors() // 4))
        self._trusts = trusts
        # In the order in which they came into their state.
        self._open: Dict[Any, _Connection] = {}
        self._sweeping = False
        self._closed, self._said = 0, -WARN

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """As tornado's, with a queue that holds more than its 128."""
        sockets = list(sockets)
        for one in sockets:
            one.listen(BACKLOG)
        super().add_sockets(sockets)

    def start_request(self, server_conn: Any, request_conn: Any) -> HTTPMessageDelegate:
        """Return a connection waits for its first request or, when the answer is gone, for another one."""
        connection = self._open.pop(server_conn, None)
        if server_conn.stream.closed():  # while it was answered
            return _Gone(request_conn)
        if connection is None:
            self._make_room()
            connection = _Connection(server_conn.stream)
        connection.answers += 1
        connection.begun = connection.trusted = False
        self._enter(server_conn, connection, pending=True)
        if not self._sweeping:
            self._sweeping = True
            IOLoop.current().call_later(SWEEP, self._sweep)
        return _Delegate(self, server_conn, request_conn, super().start_request(server_conn, request_conn))

    def begun(self, key: Any, start_line: Any, headers: HTTPHeaders) -> Union[bool, Awaitable[bool]]:
        """Return whether a request is trusted, whose header is here, or who will say it."""
        connection = self._open.pop(key, None)
        if connection is None:
            return False
        connection.begun = True
        self._enter(key, connection, pending=True)
        return self._trusts(self.request_callback, start_line, headers)

    def judged(self, key: Any, request_conn: Any, trusted: bool) -> None:
        """Give a request the limits of those who are trusted, or of the others."""
        connection = self._open.get(key)
        if connection is not None:
            connection.trusted = trusted
            if not trusted:
                request_conn.set_max_body_size(self.limits.body)

    def received(self, key: Any) -> None:
        """Take a part of a request's body."""
        connection = self._open.get(key)
        if connection is not None and connection.trusted:
            connection.moved = time.monotonic()

    def complete(self, key: Any) -> None:
        """Take a request."""
        connection = self._open.pop(key, None)
        if connection is not None:
            self._enter(key, connection, pending=False)

    def on_close(self, server_conn: Any) -> None:
        """Take note that a connection ended, or is a WebSocket from now on."""
        self._open.pop(server_conn, None)
        super().on_close(server_conn)

    def _enter(self, key: Any, connection: _Connection, pending: bool) -> None:
        connection.pending, connection.moved = pending, time.monotonic()
        self._open[key] = connection

    def _make_room(self) -> None:
        if len(self._open) < self.limits.connections:
            return
        key = next((key for key, one in self._open.items() if one.pending and not one.trusted), None)
        if key is None:
            waits = [key for key, one in self._open.items() if one.pending or one.stream.writing()]
            # Nobody waits: it is answers that take long. Twice as many of them are too many, whatever they do.
            if not waits and len(self._open) < 2 * self.limits.connections:
                return
            key = min(waits or self._open, key=lambda one: (self._open[one].trusted, self._open[one].moved))
        self._open.pop(key).stream.close()
        self._closed += 1
        self._warn()

    def _warn(self) -> None:
        now = time.monotonic()
        if now - self._said >= WARN:
            LOG.warning(
                "more than %d connections: closed %d that waited for their clients",
                self.limits.connections,
                self._closed,
            )
            self._closed, self._said = 0, now

    def _sweep(self) -> None:
        now = time.monotonic()
        for key in [key for key, one in self._open.items() if one.over(self.limits, now)]:
            self._open.pop(key).stream.close()
        self._sweeping = bool(self._open)
        if self._sweeping:
            IOLoop.current().call_later(SWEEP, self._sweep)
