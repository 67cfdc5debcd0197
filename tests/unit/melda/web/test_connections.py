"""Too many connections, and slow ones: who waits for its client goes first, who works or is trusted does not."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from melda.web import connections
from melda.web.connections import Limits
from tornado import web, websocket

from tests.unit.melda.servers import ended, serving

LONG = 60.0
GO_ON = threading.Event()
HEAD = b"POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
TRUSTED = b"X-Trusted: yes\r\n"
ASK = b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n"


class Works(web.RequestHandler):
    """Answers when the test says so."""

    begun = threading.Semaphore(0)

    async def get(self) -> None:
        self.begun.release()
        while not GO_ON.is_set():
            await asyncio.sleep(0.01)
        self.finish("done")

    def post(self) -> None:
        self.finish(self.request.body)


class Large(web.RequestHandler):
    """An answer that no socket's buffer holds."""

    def get(self) -> None:
        self.finish(b"x" * (64 << 20))


class Echo(websocket.WebSocketHandler):
    """Says what it hears."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


async def asked(headers: Any) -> bool:
    """Somebody else says it, later."""
    await asyncio.sleep(0)
    return str(headers["X-Asked"]) == "yes"


def trusts(_application: Any, _line: Any, headers: Any) -> bool | Awaitable[bool]:
    """Those who say so."""
    return asked(headers) if "X-Asked" in headers else "X-Trusted" in headers


Start = Callable[..., int]
HANDSHAKE = (
    b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a server with limits; its port."""
    monkeypatch.setattr(connections, "SWEEP", 0.05)
    GO_ON.clear()
    with contextlib.ExitStack() as stack:

        def begin(
            number: int = 3, request: float = LONG, idle: float = LONG, stalled: float = LONG, body: int = 64
        ) -> int:
            limits = Limits(number, request, idle, stalled, body)
            handlers = [("/work", Works), ("/large", Large), ("/echo", Echo)]

            def make() -> Any:
                application = web.Application(handlers)  # type: ignore[arg-type]
                return connections.Server(application, limits=limits, trusts=trusts)

            return stack.enter_context(serving(make))[0]

        yield begin
        GO_ON.set()


def connect(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(sent)
    return connection


def answer(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    found = b""
    while b"\r\n\r\n" not in found:
        part = connection.recv(1 << 16)
        assert part, "it was closed"
        found += part
    return found


def served(port: int) -> bool:
    """Is a new client served?"""
    with connect(port, b"POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n!") as one:
        return b" 200 OK" in answer(one)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /wo", HEAD + b"\r\n" + b"1234"], ids=["nothing", "half a header", "half a body"]
)
def test_a_new_client_is_served_and_the_oldest_that_waits_goes(start: Start, sent: bytes) -> None:
    port = start()
    with connect(port, sent) as oldest, connect(port, sent) as second, connect(port, sent) as third:
        assert served(port)
        assert ended(oldest)
        assert not ended(second, 0.3) and not ended(third, 0.1)
        for _ in range(20):
            assert served(port)


def test_a_connection_between_two_requests_may_go_too(start: Start) -> None:
    port = start()
    with connect(port, HEAD + b"\r\n123456789") as one:
        assert b" 200 OK" in answer(one)
        with connect(port), connect(port), connect(port):
            assert ended(one)


def test_who_works_stays(start: Start) -> None:
    port = start()
    with connect(port, ASK) as works, connect(port, HANDSHAKE) as web_socket:
        assert Works.begun.acquire(timeout=10)
        assert b" 101 " in answer(web_socket)
        for _ in range(20):
            assert served(port)
        with connect(port), connect(port), connect(port), connect(port):
            assert served(port)
        GO_ON.set()
        assert b" 200 OK" in answer(works)
        web_socket.sendall(bytes.fromhex("818100000000") + b"!")  # one letter
        assert web_socket.recv(10) == b"\x81\x01!"


def test_a_trusted_upload_stays_and_has_no_limit(start: Start) -> None:
    port = start(request=0.2, body=4)
    with connect(port, HEAD + TRUSTED + b"\r\n") as upload:
        for _ in range(8):
            with connect(port) as stranger:
                assert ended(stranger), "its time is over"
            upload.sendall(b"x")
        for _ in range(20):
            assert served(port)
        upload.sendall(b"x")
        assert b" 200 OK" in answer(upload)


def test_a_trusted_upload_that_stalls_ends(start: Start) -> None:
    with connect(start(stalled=0.2), HEAD + TRUSTED + b"\r\n1") as upload:
        assert ended(upload)


def test_a_strangers_body_is_small(start: Start) -> None:
    port = start(body=8)
    with connect(port, HEAD + b"\r\n") as stranger:
        assert b" 400 " in answer(stranger)
    chunked = b"POST /work HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n"
    with connect(port, chunked) as stranger:
        assert b" 400 " in answer(stranger)


def test_what_a_connection_had_sent_before_it_was_closed_is_nobodys_request(start: Start) -> None:
    """tornado reads on in what it has of a closed connection: a hundred of them were hours of work, and gigabytes."""
    port = start(number=1)
    with connect(port, ASK * 50) as many:
        assert Works.begun.acquire(timeout=10)
        with connect(port, ASK):
            assert Works.begun.acquire(timeout=10), "else it would be the one that waits"
            with connect(port, ASK):
                assert ended(many), "it made room"
                assert Works.begun.acquire(timeout=10)
                assert served(port)
    assert not Works.begun.acquire(blocking=False)


def test_a_body_waits_until_somebody_said_who_is_trusted(start: Start) -> None:
    port = start(body=8)
    with connect(port, HEAD + b"X-Asked: yes\r\n\r\n123456789") as friend:
        assert b" 200 OK" in answer(friend)
    with connect(port, HEAD + b"X-Asked: no\r\n\r\n") as stranger:
        assert b" 400 " in answer(stranger)


def test_one_byte_after_another_has_the_same_time(start: Start) -> None:
    with connect(start(request=0.5)) as slow:
        slow.settimeout(0.02)
        for letter in b"GET /work HTTP/1.1\r\nX: " + b"x" * 1000:
            try:
                slow.sendall(bytes([letter]))
                if slow.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("it goes on for ever")


def test_a_connection_waits_longer_for_its_second_request(start: Start) -> None:
    port = start(request=0.2, idle=LONG)
    with connect(port, HEAD + b"\r\n123456789") as one, connect(port) as other:
        assert b" 200 OK" in answer(one)
        assert ended(other)
        assert not ended(one, 0.3)


def test_who_does_not_read_its_answer_is_closed(start: Start) -> None:
    port = start(stalled=0.3)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.settimeout(10)
        # It reads when the time is long over: what the kernel holds, and then the end, not all of it.
        with connect(port) as other:
            other.settimeout(2)
            with pytest.raises(TimeoutError):
                other.recv(1)
        got = 0
        with contextlib.suppress(OSError):
            while part := slow.recv(1 << 20):
                got += len(part)
        assert got < 64 << 20


def test_answers_that_nobody_reads_make_room_for_a_new_client(start: Start) -> None:
    port = start()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            slow = stack.enter_context(connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert slow.recv(10)
        for _ in range(5):
            assert served(port)


def test_requests_that_take_long_are_twice_as_many_at_most(start: Start) -> None:
    port = start()
    with contextlib.ExitStack() as stack:
        working = []
        for _ in range(6):
            working.append(stack.enter_context(connect(port, ASK)))
            assert Works.begun.acquire(timeout=10)
        assert served(port)
        assert ended(working[0])
        GO_ON.set()
        assert all(b" 200 OK" in answer(one) for one in working[1:])


def test_as_many_descriptors_as_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: now.append(limits))
    assert connections.raise_descriptors() == 4096 and now[-1] == (4096, 4096)
    now.append((1024, resource.RLIM_INFINITY))
    assert connections.raise_descriptors() == connections.DESCRIPTORS
    now.append((1 << 20, 1 << 20))
    assert connections.raise_descriptors() == 1 << 20 and now[-1] == (1 << 20, 1 << 20), "never fewer"
