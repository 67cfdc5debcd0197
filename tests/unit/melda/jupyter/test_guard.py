"""The guard in front of tornado's applications, by a tornado that only hands requests on; test_browser.py has a real one."""

from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import guard

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
OWN, EVIL, FRIEND = "http://a:8888", "http://evil.example", "https://friend.example"
TOKEN = "right"


class RequestHandler:
    def __init__(self, application: Any, request: Any, **arguments: Any) -> None:
        self.request, self.headers, self.status, self.body = request, {}, 200, ""
        self.initialize(**arguments)  # type: ignore[attr-defined]

    def set_status(self, status: int) -> None:
        self.status = status

    def set_header(self, name: str, value: str) -> None:
        self.headers[name] = value

    def finish(self, body: str) -> None:
        self.body = body


class Application:
    def find_handler(self, request: Any, **_: Any) -> Any:
        return "found"

    def get_handler_delegate(self, request: Any, handler: Any, arguments: dict[str, Any]) -> Any:
        return handler(self, request, **arguments)


class Extension(Application):
    """As Jupyter's own: a class of its own."""


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``ask(asks, origin, **headers)`` -> what the application finds, with the guard in front of it."""

    def asked(asks: bool, origin: str, query: str = "", **headers: str) -> Any:
        application = type("Application", (Application,), {})
        web = SimpleNamespace(
            Application=application, RequestHandler=RequestHandler, stream_request_body=lambda found: found
        )
        monkeypatch.setitem(sys.modules, "tornado", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "tornado.web", web)
        monkeypatch.setitem(sys.modules, "tornado.log", SimpleNamespace(access_log=logging.getLogger("tornado.access")))
        guard.install((FRIEND,), TOKEN if asks else "")
        given = {"Host": "a:8888", **({"Origin": origin} if origin else {}), **headers}
        path = "/api/terminals"
        request = SimpleNamespace(method="POST", path=path, uri=path + query, headers=given)
        return type("Extension", (application,), {})().find_handler(request)

    return asked


@pytest.mark.parametrize("asks", [True, False])
def test_its_own_pages_named_ones_and_servers(ask: Any, asks: bool) -> None:
    assert [ask(asks, origin) for origin in (OWN, FRIEND, "")] == ["found"] * 3


@pytest.mark.parametrize("asks", [True, False])
def test_others_are_refused_in_one_line(ask: Any, asks: bool, caplog: pytest.LogCaptureFixture) -> None:
    refused = ask(asks, EVIL + "x" * 1000)
    refused.post()
    assert (refused.status, refused.headers["Content-Type"]) == (403, "application/json")
    message = json.loads(refused.body)["message"]
    assert message.startswith(f"a page of '{EVIL}") and message.endswith("ALLOWED_ORIGINS names others that may")
    assert len(message) < 300 and "\n" not in refused.body
    assert {getattr(refused, name).__func__ for name in METHODS} == {refused.post.__func__}
    assert caplog.messages == [f"POST /api/terminals refused: {message}"]


@pytest.mark.parametrize(
    "how", [{"Authorization": "token {0}"}, {"Authorization": "Bearer {0}"}, {"query": "?a=b&token={0}"}]
)
def test_who_brings_the_token_is_no_stranger(ask: Any, how: dict[str, str]) -> None:
    def brings(asks: bool, token: str) -> bool:
        return bool(ask(asks, EVIL, **{name: value.format(token) for name, value in how.items()}) == "found")

    assert brings(True, TOKEN)
    # Any page can send a wrong one, and the browser adds the cookie.
    assert not brings(True, "x") and not brings(True, "")
    assert not brings(False, TOKEN) and not brings(False, ""), "where there is no token none can be right"
