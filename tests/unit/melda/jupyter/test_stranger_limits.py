"""Who Jupyter's server trusts before Jupyter looks at a request, and what the others may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from melda.jupyter import service as jupyter
from melda.jupyter import stranger_limits
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
    found = stranger_limits.trusts(path)(application, RequestStartLine("PUT", asked, "HTTP/1.1"), HTTPHeaders(headers))
    assert isinstance(found, bool)
    return found


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


def test_where_the_firewall_says_who_may_connect_all_are(token: Path) -> None:
    token.write_text("")
    assert trusted(str(token))


class HubAuth:
    """As jupyterhub.services.auth.HubOAuth: it knows Ada, who may use this server, and Eve, who may not."""

    cookie_name = "jupyterhub-user-ada"
    access_scopes = frozenset({"access:servers!server=ada/"})

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def user_for_token(self, token: str, *, sync: bool) -> dict[str, Any] | None:
        assert not sync
        self.asked.append(token)
        if token == "down":
            raise web.HTTPError(502)
        scope = {"adas": "access:servers!server=ada/", "eves": "access:servers!server=eve/"}.get(token)
        return {"scopes": {scope}} if scope else None

    def check_scopes(self, required: frozenset[str], user: dict[str, Any]) -> set[str]:
        return required & user["scopes"]


@pytest.mark.parametrize(
    ("asked", "headers", "may", "tokens"),
    [
        ("/api", {"Authorization": "token adas", "Content-Length": "70000"}, True, ["adas"]),
        ("/api?token=adas", {"Transfer-Encoding": "chunked"}, True, ["adas"]),
        ("/api?token=wrong", {"Authorization": "Bearer adas", "Content-Length": "70000"}, True, ["wrong", "adas"]),
        ("/api", {"Authorization": "token eves", "Content-Length": "70000"}, False, ["eves"]),
        ("/api", {"Authorization": "token down", "Content-Length": "70000"}, False, ["down"]),
        ("/api", {"Authorization": "token adas", "Content-Length": "10"}, False, []),
        ("/api", {"Cookie": f"jupyterhub-user-ada={COOKIE}", "Content-Length": "70000"}, False, []),
        ("/api", {"Content-Length": "70000"}, False, []),
        ("/api", {}, False, []),
    ],
)
def test_behind_a_hub_who_logged_in_and_whom_the_hub_knows(
    asked: str, headers: dict[str, str], may: bool, tokens: list[str]
) -> None:
    hub, provider = HubAuth(), type("Provider", (), {})()
    provider.hub_auth = hub
    application = web.Application([], cookie_secret=SECRET, identity_provider=provider)
    found = stranger_limits.trusts("")(application, RequestStartLine("PUT", asked, "HTTP/1.1"), HTTPHeaders(headers))
    assert (found if isinstance(found, bool) else asyncio.run(wait(found))) is may
    assert hub.asked == tokens


def test_behind_a_hub_its_cookie_is_enough() -> None:
    provider = type("Provider", (), {"hub_auth": HubAuth()})()
    application = web.Application([], cookie_secret=SECRET, identity_provider=provider)
    cookie = web.create_signed_value(SECRET, HubAuth.cookie_name, "oauth token").decode()
    headers = HTTPHeaders({"Cookie": f"{HubAuth.cookie_name}={cookie}"})
    assert stranger_limits.trusts("")(application, RequestStartLine("PUT", "/api", "HTTP/1.1"), headers) is True
    assert trusted("") is False, "an application that is not the hub's"


async def wait(found: Awaitable[bool]) -> bool:
    return await found


def test_jupyters_own_options_win(token: Path) -> None:
    """As jupyter_server creates it, which knows nothing of this."""
    try:
        stranger_limits.limit(str(token))
        server: Any = httpserver.HTTPServer(web.Application([]), max_body_size=7, max_buffer_size=8, xheaders=False)
    finally:
        httpserver.HTTPServer.configure(None)
    assert isinstance(server, connections.Server) and server.limits.request == stranger_limits.LIMITS.request
    assert (server.conn_params.max_body_size, server.conn_params.max_header_size) == (7, stranger_limits.HEADER)


def test_the_health_check_asks_on_a_socket_of_its_own(
    token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Api(web.RequestHandler):
        def get(self) -> None:
            self.finish("{}")

    def make() -> Any:
        return stranger_limits.Server(web.Application([("/api", Api)]), limits=stranger_limits.LIMITS)

    (tmp_path / "odd" / "jupyter").mkdir(parents=True)
    for folder, well in ((tmp_path, True), (tmp_path / "none", False), (tmp_path / "odd", False)):
        monkeypatch.setattr(jupyter, "SOCKET", str(folder / "jupyter"))
        with serving(make) as (port, _):
            there = {"JUPYTER_PORT": str(port)}
            assert jupyter.answers(there, 10, jupyter.SOCKET) is well
            assert jupyter.answers(there, 10), "its port is there in any case"
