"""What other pages may do with answers, by a real tornado."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from melda.jupyter import guard
from melda.jupyter.stranger_limits import LIMITS
from melda.web import connections
from tornado import http1connection, web, websocket, wsgi
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.testing import bind_unused_port

POLICY = "Cross-Origin-Resource-Policy"


class Handler(web.RequestHandler):
    """An extension's, which has other headers in mind."""

    def set_default_headers(self) -> None:
        self.set_header(POLICY, "cross-origin")

    def get(self, what: str) -> None:
        self.set_header("X-Asked", self.request.headers.get(POLICY, "no"))
        if what == "fails":
            raise ValueError
        if what == "refuses":
            raise web.HTTPError(403)
        if what == "leads":
            self.redirect("/static/x.js")


class Socket(websocket.WebSocketHandler):
    """A kernel's, say."""


def old(_: Any, start: Any) -> list[bytes]:
    """A WSGI application, which no handler of tornado's answers for."""
    start("200 OK", [("Content-Type", "text/javascript")])
    return [b"alert(1)"]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kind = http1connection.HTTP1Connection
    monkeypatch.setattr(kind, "write_headers", kind.write_headers)  # so that it is set back
    guard.close_answers()
    yield


async def headers(folder: Path, path: str, **asked: str) -> tuple[int, list[str], str]:
    """Status, the policy's lines, and whether the server was sent one."""
    application = web.Application(
        [
            (r"/socket", Socket),
            (r"/old", web.FallbackHandler, {"fallback": wsgi.WSGIContainer(old)}),
            (r"/(fails|refuses|leads|answers)", Handler),
        ],
        static_path=str(folder),
    )
    server = connections.Server(application, limits=LIMITS)  # as Jupyter's
    listening, port = bind_unused_port()
    server.add_socket(listening)
    client = AsyncHTTPClient(force_instance=True)
    try:
        request = HTTPRequest(f"http://127.0.0.1:{port}{path}", headers=asked, follow_redirects=False)
        answer = await client.fetch(request, raise_error=False)
        return answer.code, answer.headers.get_list(POLICY), answer.headers.get("X-Asked", "no")
    finally:
        client.close()
        server.stop()


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/answers", {}, 200),
        ("/fails", {}, 500),
        ("/refuses", {}, 403),
        ("/leads", {}, 302),
        ("/nowhere", {}, 404),
        ("/static/x.js", {}, 200),
        ("/static/x.js", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ("/static/x.js", {"Range": "bytes=0-1"}, 206),
        ("/old", {}, 200),
        ("/socket", {}, 400),
    ],
)
def test_no_other_page_embeds_an_answer(
    tmp_path: Path, closed: None, path: str, asked: dict[str, str], status: int
) -> None:
    (tmp_path / "x.js").write_text("alert(1)")
    assert asyncio.run(headers(tmp_path, path, **asked)) == (status, ["same-origin"], "no")
