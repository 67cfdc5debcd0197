"""Who Jupyter's server trusts before Jupyter looks at a request, and what the others may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.jupyter import limits
from melda.jupyter import service as jupyter
from melda.web import connections
from tornado import httpserver, web
from tornado.httputil import HTTPHeaders, RequestStartLine

from tests.unit.melda.servers import serving

SECRET = b"cookie secret"
COOKIE = web.create_signed_value(SECRET, "username-127-0-0-1-8888", "ada").decode()
OTHER = web.create_signed_value(SECRET, "other", "ada").decode()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    return path


def trusted(path: str, asked: str = "/api", **headers: str) -> bool:
    application = web.Application([], cookie_secret=SECRET)
    return limits.trusts(path)(application, RequestStartLine("PUT", asked, "HTTP/1.1"), HTTPHeaders(headers))


@pytest.mark.parametrize(
    ("asked", "headers", "may"),
    [
        ("/api?token=s3cret", {}, True),
        ("/api?token=wrong", {}, False),
        ("/api", {"Authorization": "token s3cret"}, True),
        ("/api", {"Authorization": "token wrong"}, False),
        ("/api", {"Cookie": f"a=b; username-127-0-0-1-8888={COOKIE}"}, True),
        ("/api", {"Cookie": "username-127-0-0-1-8888=" + COOKIE[:-1]}, False),
        ("/api", {"Cookie": f"username-other={COOKIE}"}, False),
        ("/api", {"Cookie": f"other={OTHER}"}, False),
        ("/api", {"Cookie": "username-=" + 1000 * ";username-x=y"}, False),
        ("/api", {}, False),
    ],
)
def test_who_has_the_token_or_logged_in(token: Path, asked: str, headers: dict[str, str], may: bool) -> None:
    assert trusted(str(token), asked, **headers) is may


def test_where_the_firewall_or_a_hub_says_who_may_connect_all_are(token: Path) -> None:
    token.write_text("")
    assert trusted(str(token)) and trusted("")


def test_jupyters_own_options_win(token: Path) -> None:
    """As jupyter_server creates it, which knows nothing of this."""
    try:
        limits.limit(str(token))
        server: Any = httpserver.HTTPServer(web.Application([]), max_body_size=7, max_buffer_size=8, xheaders=False)
    finally:
        httpserver.HTTPServer.configure(None)
    assert isinstance(server, connections.Server) and server.limits.request == limits.LIMITS.request
    assert (server.conn_params.max_body_size, server.conn_params.max_header_size) == (7, limits.HEADER)


def test_the_health_check_asks_on_a_socket_of_its_own(
    token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Api(web.RequestHandler):
        def get(self) -> None:
            self.finish("{}")

    def make() -> Any:
        return limits.Server(web.Application([("/api", Api)]), limits=limits.LIMITS)

    (tmp_path / "odd" / "jupyter").mkdir(parents=True)
    for folder, well in ((tmp_path, True), (tmp_path / "none", False), (tmp_path / "odd", False)):
        monkeypatch.setattr(jupyter, "SOCKET", str(folder / "jupyter"))
        with serving(make) as (port, _):
            monkeypatch.setattr(jupyter, "PORT", port)
            assert jupyter.answers(10, address=jupyter.SOCKET) is well
            assert jupyter.answers(10), "its port is there in any case"
