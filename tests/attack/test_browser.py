"""A page of somebody else's in the browser of somebody who may use the notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import pytest
import requests
import websocket

from tests.container.notebook import Notebook
from tests.container.services import Service
from tests.fakes.serve import gateway

EVIL = "https://evil.example"
NAMED = "https://platform.example"
NET_ADMIN = ("--cap-add", "NET_ADMIN")
ORIGINS = [
    EVIL,
    "null",
    "http://localhost.evil.example:8888",
    "http://evil.example:8888",
    "file://",
    f"{NAMED}.evil.example",
]

Run = Callable[..., Service]


@pytest.fixture(scope="module")
def with_token(docker: str, run: Run) -> Service:
    """A notebook behind a token, at an address that may use it; tests/container/test_browser.py has one that all reach."""
    return run(*NET_ADMIN, PGEO_IPS=gateway(docker=docker)).ready()


@pytest.fixture(scope="module")
def tokenless(docker: str, run: Run) -> Service:
    """A notebook that everybody at one address may use."""
    return run(*NET_ADMIN, PGEO_IPS=gateway(docker=docker), JUPYTER_TOKEN="").ready()


@pytest.fixture(scope="module")
def naming(docker: str, run: Run) -> Service:
    """The same, and another server's pages may use it too."""
    return run(*NET_ADMIN, PGEO_IPS=gateway(docker=docker), JUPYTER_TOKEN="", ALLOWED_ORIGINS=NAMED).ready()


def url(service: Service, path: str) -> str:
    return f"http://{service.address}:8888{path}"


def terminals(service: Service) -> int:
    """How many terminals are open, asked from inside."""
    return len(service.notebook.request("GET", "/api/terminals").json())


def logged_in(service: Service) -> requests.Session:
    """What a browser has once its user has opened the address with the token."""
    browser = requests.Session()
    browser.get(url(service, f"/tree?token={service.token}"), timeout=30).raise_for_status()
    assert browser.cookies, "the login leaves a cookie"
    return browser


def opens(service: Service, origins: Iterable[str], cookies: str = "") -> list[str]:
    """The origins of which a page gets a WebSocket to a kernel."""
    found = []
    with service.notebook.start("python3") as kernel:
        address = f"ws://{service.address}:8888/api/kernels/{kernel.id}/channels"
        for origin in origins:
            with contextlib.suppress(websocket.WebSocketBadStatusException):
                websocket.create_connection(address, timeout=30, origin=origin, cookie=cookies).close()
                found.append(origin)
    return found


def test_form_with_cookie(with_token: Service) -> None:
    """A page posts a form to /api/terminals with the login cookie of somebody allowed.
    Proves: with a token the origin and XSRF checks are on."""
    got_in = []
    for headers in (*({"Origin": origin} for origin in ORIGINS), {"Referer": EVIL}, {}):
        browser = logged_in(with_token)
        answer = browser.post(url(with_token, "/api/terminals"), data={"a": "b"}, headers=headers, timeout=30)
        got_in += [headers] if answer.status_code not in (403, 404) else []
    assert got_in == [] and terminals(with_token) == 0


def test_cookie(with_token: Service) -> None:
    """A browser that is sent from another page takes its cookies with it.
    Proves: each cookie is SameSite=Strict."""
    answer = requests.get(url(with_token, f"/tree?token={with_token.token}"), timeout=30, allow_redirects=False)
    cookies = answer.raw.headers.getlist("Set-Cookie")
    assert cookies and all("samesite=strict" in cookie.lower() for cookie in cookies), cookies


def test_socket_with_cookie(with_token: Service) -> None:
    """A page opens a WebSocket to a kernel with the login cookie.
    Proves: other origins get no kernel."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in logged_in(with_token).cookies)
    own = url(with_token, "")
    assert opens(with_token, (*ORIGINS, own), cookies) == [own], "its own pages do"


def test_reading(tokenless: Service) -> None:
    """A page asks for the project's files and for /environment, and reads the answers.
    Proves: no answer allows another origin to read it."""
    for method in ("GET", "OPTIONS"):
        for address in (url(tokenless, "/api/contents"), f"http://{tokenless.address}:2310/environment"):
            asking = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
            allowed = requests.request(method, address, headers=asking, timeout=30).headers.get(
                "Access-Control-Allow-Origin"
            )
            assert allowed not in ("*", EVIL), (method, address)


def test_embedding(tokenless: Service, naming: Service) -> None:
    """A page has the notebook's files as <script src> or <img src>, for which a browser says no origin.
    Proves: each answer tells the browser to keep it from other origins, whoever is named in ALLOWED_ORIGINS."""
    found = {}
    for service in (tokenless, naming):
        service.notebook.request("PUT", "/api/contents/own.js", {"type": "file", "format": "text", "content": "1"})
        for path in ("/files/own.js", "/api/contents/own.js", "/static/favicon.ico", "/api", "/tree", "/nowhere"):
            answer = requests.get(url(service, path), timeout=30)
            found[path, answer.status_code] = answer.headers.get("Cross-Origin-Resource-Policy")
    assert ("/files/own.js", 200) in found and ("/nowhere", 404) in found
    assert set(found.values()) == {"same-origin"}, found


def test_tokenless(tokenless: Service) -> None:
    """Where no token is asked for, a page in an allowed person's browser posts to /api/terminals and opens a WebSocket.
    Proves: a request of another origin is refused unless ALLOWED_ORIGINS names it."""
    answers = {
        origin: requests.post(
            url(tokenless, "/api/terminals"), data="{}", headers={"Origin": origin}, timeout=30
        ).status_code
        for origin in ORIGINS
    }
    assert answers == dict.fromkeys(ORIGINS, 403) and terminals(tokenless) == 0
    assert opens(tokenless, ORIGINS) == []


def test_named(naming: Service) -> None:
    """Another server's page is named in ALLOWED_ORIGINS, and pages beside it try.
    Proves: the named one may, and nobody else."""
    assert opens(naming, (NAMED, *ORIGINS, "https://other.example")) == [NAMED]
    for origin, code in ((NAMED, 201), (EVIL, 403)):
        answer = requests.post(
            url(naming, "/api/kernels"), json={"name": "python3"}, headers={"Origin": origin}, timeout=30
        )
        assert answer.status_code == code, origin


def test_server(tokenless: Service) -> None:
    """The platform's server, which sends no Origin, runs a cell of each kernel.
    Proves: what keeps browsers out does not keep servers out."""
    notebook = Notebook(url(tokenless, ""))
    assert notebook.run("python3", "print(6 * 7)").stdout == "42\n"
    assert notebook.run("ir", "cat(6 * 7)").stdout == "42"


def test_said(tokenless: Service) -> None:
    """Nobody reads the documentation before a start without a token.
    Proves: the log says that pages in an allowed person's browser, and who takes an allowed address by ARP, come in."""
    output = " ".join(tokenless.lines())
    assert "ARP" in output and "browser" in output, tokenless.lines()
