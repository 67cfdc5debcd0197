"""One GET of something small: whatever the peer does, it ends in time and reads little."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from melda.web import probe
from tornado import web
from tornado.httpserver import HTTPServer

from tests.unit.melda.servers import peer, serving


def test_an_answer() -> None:
    class Says(web.RequestHandler):
        def get(self) -> None:
            self.set_status(503)
            self.finish("ill")

    with serving(lambda: HTTPServer(web.Application([("/x", Says)]))) as (port, _):
        assert probe.get(("127.0.0.1", port), "/x", 10) == (503, b"ill")


def test_a_peer_that_never_ends_is_read_to_64_kb(tmp_path: Path) -> None:
    with peer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 20), path=str(tmp_path / "s")) as address:
        status, body = probe.get(address, "/healthz", 10)
    assert status == 200 and probe.MOST - 100 < len(body) <= probe.MOST


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/2 200\r\n", b"\0" * (1 << 16)])
def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    with peer(answer * (1 + (1 << 17) // len(answer))) as address, pytest.raises(OSError, match="not HTTP"):
        probe.get(address, "/", 10)


def test_a_byte_now_and_then_does_not_make_it_longer() -> None:
    with peer(b"H", pause=0.05) as address:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            probe.get(address, "/", 0.5)
        assert time.monotonic() - began < 5


def test_nobody_there() -> None:
    with pytest.raises(OSError, match="refused"):
        probe.get(("127.0.0.1", 9), "/", 5)
