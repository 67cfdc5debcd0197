"""builder/preflight.py: which sources answer, asked of servers on this machine, and the table that says it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from builder import preflight
from builder.errors import Refused
from builder.preflight import Row, Source


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def source(url: str, needed: bool = False) -> Source:
    return Source("CRAN", (url,), "bspm", needed, "left out: bspm")


def test_a_source_answers(url: str) -> None:
    assert preflight.problem(source(url)) == ""


def test_a_source_has_not_got_it(url: str) -> None:
    assert preflight.problem(source(url + "/missing")) == f"{url}/missing answers 404"


def test_nobody_listens() -> None:
    down = f"http://127.0.0.1:{free_port()}"
    assert preflight.problem(source(down)) == f"{down} does not answer (ConnectionError)"


def test_every_url_of_a_source_counts(url: str) -> None:
    both = Source("apt", (url, url + "/missing"), "Debian", needed=True)
    assert "answers 404" in preflight.problem(both)


def test_the_table_says_what_is_used_and_what_is_left_out() -> None:
    rows = [Row(Source("apt", (), "Debian 12 itself", True), ""), Row(source("http://c"), "http://c answers 404")]
    assert preflight.table("debian:bookworm", rows).splitlines() == [
        "  source      answers  what follows",
        "  base image  yes      debian:bookworm",
        "  apt         yes      used for Debian 12 itself",
        "  CRAN        no       left out: bspm (http://c answers 404)",
    ]


def test_what_is_needed_is_insisted_on() -> None:
    with pytest.raises(Refused, match="^apt is needed and cannot be reached: it answers 500$"):
        preflight.insist([Row(Source("apt", (), "", True), "it answers 500")], strict=False)


def test_strict_insists_on_everything() -> None:
    row = Row(source("http://c"), "http://c answers 404")
    preflight.insist([row], strict=False)
    with pytest.raises(Refused, match="^STRICT=1 and CRAN cannot be reached: http://c answers 404$"):
        preflight.insist([row], strict=True)
