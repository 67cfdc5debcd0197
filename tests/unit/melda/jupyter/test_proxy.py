"""jupyter-server-proxy reaches what the user serves in the container, with none of Jupyter's credentials."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import proxy
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine


class ProxyHandler:
    """jupyter-server-proxy's."""

    def __init__(self, *path_args: str, query: str = "", foreign: bool = False) -> None:
        self.path_args, self.request, self.asked = path_args, SimpleNamespace(query=query), False
        self.foreign = foreign

    def check_origin(self, origin: str | None = None) -> bool:
        return not self.foreign

    async def prepare(self) -> None:
        self.asked = True

    def proxy_request_headers(self) -> HTTPHeaders:
        return HTTPHeaders({"Authorization": "token secret", "Cookie": "_xsrf=secret", "Accept": "*/*"})


RAW = ProxyHandler.prepare


class RemoteProxyHandler(ProxyHandler):
    """jupyter-server-proxy's, for other hosts."""


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(proxy.MODULE)
    vars(module).update(ProxyHandler=ProxyHandler, RemoteProxyHandler=RemoteProxyHandler)
    monkeypatch.setitem(sys.modules, proxy.MODULE, module)
    for name in ("prepare", "proxy_request_headers"):
        monkeypatch.setattr(ProxyHandler, name, vars(ProxyHandler)[name])  # is put back
    proxy.restrict()


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (RemoteProxyHandler("localhost", "8050", "/"), "without a host"),
        (ProxyHandler("2310", "/"), "port 2310 is the container's own"),
        (ProxyHandler("08888", "/"), "port 8888 is the container's own"),
        (ProxyHandler("22", "/"), "port 22 is the container's own"),
        # 2310, 22 and 8888 modulo 65536, which is what the C library makes of them.
        *(
            (ProxyHandler(port, "/"), "a port is a number, 1 to 65535")
            for port in ("67846", "65558", "74424", "4294969606")
        ),
        *((ProxyHandler(port, "/"), "a port is a number, 1 to 65535") for port in ("0", "000", "65536", "1" * 5000)),
    ],
)
def test_what_is_not_the_users_is_refused_to_whom_jupyter_lets_in(handler: ProxyHandler, message: str) -> None:
    with pytest.raises(web.HTTPError) as refused:
        asyncio.run(handler.prepare())
    assert refused.value.status_code == 403 and message in str(refused.value.log_message)
    assert handler.asked, "Jupyter judges first who it is"


def test_a_page_of_another_origin_reaches_no_app() -> None:
    """jupyter-server-proxy asks that of WebSockets alone."""
    handler = ProxyHandler("8050", "/run", foreign=True)
    with pytest.raises(web.HTTPError, match="another origin") as refused:
        asyncio.run(handler.prepare())
    assert refused.value.status_code == 403 and handler.asked


def test_jupyters_own_port_is_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PORT", "9999")
    asyncio.run(ProxyHandler("8888", "/").prepare())
    with pytest.raises(web.HTTPError, match="port 9999 is the container's own"):
        asyncio.run(ProxyHandler("9999", "/").prepare())


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", ""),
        ("a=1", "a=1"),
        ("token=t", ""),
        ("token=t&a=1", "a=1"),
        ("a=1&token=t&b=2", "a=1&b=2"),
        ("mytoken=1",) * 2,
        ("to%6ben=t&a=1", "a=1"),
        ("a=%20&b", "a=%20&b"),
    ],
)
def test_what_the_user_serves_is_asked_without_jupyters_credentials(query: str, left: str) -> None:
    handler = ProxyHandler("8050", "/", query=query)
    asyncio.run(handler.prepare())
    assert handler.request.query == left
    assert dict(handler.proxy_request_headers()) == {"Accept": "*/*"}


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ("http://host:8888/tree?token=t", "http://host:8888/tree"),
        ("http://host:8888/lab?a=1&token=t&b=2", "http://host:8888/lab?a=1&b=2"),
        ("http://host:8888/proxy/8050/?a=1", "http://host:8888/proxy/8050/?a=1"),
        ("http://host:8888/lab/", "http://host:8888/lab/"),
    ],
)
def test_the_page_that_links_to_an_app_is_named_without_the_token(page: str, left: str) -> None:
    assert dict(proxy.strip(HTTPHeaders({"Referer": page}))) == {"Referer": left}


def test_a_server_with_a_name_is_not_taken_for_a_port() -> None:
    asyncio.run(ProxyHandler("/page").prepare())


def test_the_apps_own_credentials_are_kept() -> None:
    given = {"Authorization": "Basic dTpw", "Cookie": "a=1; username-host-8888=x; _streamlit_xsrf=2; jupyterhub-user=x"}
    found = proxy.strip(HTTPHeaders(given))
    assert dict(found) == {"Authorization": "Basic dTpw", "Cookie": "a=1; _streamlit_xsrf=2"}


class Application(web.Application):
    """Jupyter's."""

    def __init__(self) -> None:
        super().__init__([], base_url="/a.b/")
        self.settings["serverapp"] = self
        self.found: list[str] = []

    def add_handlers(self, host_pattern: str, host_handlers: Any) -> None:
        """Jupyter's takes handlers alone: https://github.com/jupyter-server/jupyter_server/pull/1392."""
        assert all(issubclass(handler[1], web.RequestHandler) for handler in host_handlers)
        super().add_handlers(host_pattern, host_handlers)

    def find_handler(self, request: Any, **given: Any) -> Any:
        self.found.append(request.path)
        return super().find_handler(request, **given)


def request(path: str) -> HTTPServerRequest:
    line = RequestStartLine("GET", path, "HTTP/1.1")
    headers = HTTPHeaders({"Host": "localhost"})
    return HTTPServerRequest(start_line=line, headers=headers, connection=SimpleNamespace(context=None))  # type: ignore[arg-type]


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The package, which is not loaded yet; whom it was loaded for."""
    loaded: list[Any] = []
    handlers = sys.modules.pop(proxy.MODULE)

    def load(name: str) -> Any:
        sys.modules[proxy.MODULE] = handlers
        return handlers if name == proxy.MODULE else SimpleNamespace(_load_jupyter_server_extension=loaded.append)

    monkeypatch.setattr(proxy, "find_spec", lambda name: name)
    monkeypatch.setattr(proxy, "importlib", SimpleNamespace(import_module=load))
    return loaded


def test_it_is_loaded_with_the_first_request_for_it(extension: list[Any]) -> None:
    application = Application()
    proxy.offer(application)
    for path in ("/a.b/lab", "/axb/proxy/80/"):
        application.find_handler(request(path))
        assert extension == [] and proxy.MODULE not in sys.modules, path
    application.find_handler(request("/a.b/proxy/80/"))
    application.find_handler(request("/a.b/proxy/80/"))
    assert extension == [application]
    assert application.found[2:] == ["/a.b/proxy/80/"] * 3, "and its own handler is asked"
    assert ProxyHandler.prepare.__name__ == "prepared"


def test_whoever_loaded_it_it_is_restricted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProxyHandler, "prepare", RAW)
    proxy.offer(Application())
    assert ProxyHandler.prepare.__name__ == "prepared"


def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, proxy.MODULE)
    monkeypatch.setattr(proxy, "find_spec", lambda name: None)
    application = Application()
    proxy.offer(application)
    application.find_handler(request("/a.b/proxy/80/"))
