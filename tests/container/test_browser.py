"""A browser is not a server: what a page of another host's may do with a Jupyter that its reader may use. Nothing."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.fakes.serve import Server, gateway

from .chromium import Browser, browser  # noqa: F401
from .pages import ATTACK, EVIL, FRIEND, NET_ADMIN, OWN, ask, count, guarded, other_port, own, socket  # noqa: F401
from .services import Service, running

# Every kind of handler: the API's, pages, files, static files, those of extensions, that of login, none at all.
ASKED = [
    ("POST", "/api/terminals"),
    ("POST", "/api/kernels"),
    ("POST", "/api/contents"),
    ("PUT", "/api/contents/a.txt"),
    ("DELETE", "/api/contents/a.txt"),
    ("PATCH", "/api/contents/a.txt"),
    ("OPTIONS", "/api/kernels"),
    ("GET", "/api/contents"),
    ("GET", "/api/me"),
    ("GET", "/tree"),
    ("GET", "/lab"),
    ("GET", "/files/a.txt"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/logout"),
    ("GET", "/lsp/status"),
    ("GET", "/terminals/new"),
    ("GET", "/api/metrics/v1"),
    ("GET", "/static/notebook/main.js"),
    ("GET", "/nowhere"),
    ("HEAD", "/tree"),
    ("POST", "/api/shutdown"),
]
SOCKETS = ("/api/kernels/{0}/channels", "/terminals/websocket/{1}", "/api/events/subscribe", "/lsp/ws/pyls")
PAGES = {"other host": lambda _: EVIL, "other port": other_port, "null": lambda _: "null", "no origin": lambda _: ""}


@pytest.fixture(scope="module")
def open_to_a_friend(docker: str, image: str) -> Iterator[Service]:
    """The same, and an origin that may use it; written as a person would."""
    allowed = "HTTPS://Notebooks.Example.ORG:443, http://10.0.0.7:8080"
    values = {"PGEO_IPS": gateway(docker=docker), "JUPYTER_TOKEN": "", "ALLOWED_ORIGINS": allowed}
    with running(docker, image, *NET_ADMIN, **values) as found:
        yield found


@pytest.fixture(scope="module")
def with_a_friend(docker: str, image: str) -> Iterator[Service]:
    """A container with a token, and an origin that may use it."""
    with running(docker, image, ALLOWED_ORIGINS=FRIEND) as found:
        yield found


@pytest.mark.parametrize("page", PAGES)
def test_without_a_token_a_page_of_anothers_gets_nothing(guarded: Service, page: str) -> None:
    origin = PAGES[page](guarded)
    for method, path in ASKED:
        answer = ask(guarded, method, path, Origin=origin)
        assert answer.status_code == 403, (method, path, answer.text)
        assert "Access-Control-Allow-Origin" not in answer.headers
        if method != "HEAD":
            assert "ALLOWED_ORIGINS" in json.loads(answer.text)["message"]
            assert answer.text.count("\n") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": EVIL + "/page"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
def test_without_a_token_nor_by_what_has_no_origin(guarded: Service, headers: dict[str, str]) -> None:
    """Pictures, scripts, frames and links: a browser sends no Origin with a GET."""
    for method, path in ASKED:
        if method in ("GET", "HEAD"):
            assert ask(guarded, method, path, **headers).status_code == 403, (method, path)


def test_a_get_that_changes_something_needs_a_page_of_its_own(guarded: Service) -> None:
    assert ask(guarded, "GET", "/terminals/new").status_code == 403
    assert ask(guarded, "GET", "/terminals/new", Referer=own(guarded) + "/tree").ok


def test_without_a_token_no_websocket_of_anothers(guarded: Service) -> None:
    terminal = guarded.notebook.request("POST", "/api/terminals").json()["name"]
    with guarded.notebook.start("python3") as kernel:
        for path in SOCKETS:
            address = path.format(kernel.id, terminal)
            for origin in (EVIL, other_port(guarded), "null"):
                assert socket(guarded, address, origin=origin) == 403, (path, origin)
                assert socket(guarded, address, f"Sec-WebSocket-Origin: {origin}") == 403, (path, origin)
            if "lsp" not in path:  # no language server is installed
                assert socket(guarded, address, origin=own(guarded)) == 101, "its own page"
                assert socket(guarded, address) == 101, "a server"
    guarded.notebook.request("DELETE", f"/api/terminals/{terminal}")


def test_a_large_body_of_anothers_is_not_kept(guarded: Service) -> None:
    answer = requests.post(
        guarded.notebook.url + "/api/contents", data=b" " * 200_000_000, headers={"Origin": EVIL}, timeout=120
    )
    assert answer.status_code == 403
    peak = int(guarded.run("grep VmHWM /proc/$(pgrep -f jupyter_notebook.py | head -1)/status").split()[1])
    assert peak < 200_000, f"Jupyter had {peak} kB at its largest"


def test_its_own_pages_and_servers_are_served(guarded: Service) -> None:
    for headers in ({}, {"Origin": own(guarded)}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        for method, path in (("GET", "/api/contents"), ("GET", "/tree"), ("GET", "/api/me")):
            assert ask(guarded, method, path, **headers).status_code == 200, (path, headers)
        assert ask(guarded, "POST", "/api/contents", **headers).status_code == 201
    assert ask(guarded, "GET", "/tree", Referer=own(guarded) + "/lab").status_code == 200


def test_what_no_token_means_is_in_the_log(guarded: Service, service: Service) -> None:
    def told(found: Service) -> list[str]:
        return [line for line in found.lines() if line.startswith("there is no token")]

    (line,) = told(guarded)
    assert "token=" not in guarded.logs()
    assert all(word in line for word in ("browser", "ARP", "JUPYTER_TOKEN"))
    assert told(service) == []


# --- with a token ---------------------------------------------------------------------------------------------------


def logged_in(service: Service) -> requests.Session:
    """As a browser after the address with the token was opened."""
    session = requests.Session()
    assert session.get(f"{own(service)}/tree?token={service.token}", timeout=30).status_code == 200
    assert session.get(f"{own(service)}/api/contents", timeout=30, headers={"Referer": own(service)}).ok
    return session


def test_all_cookies_are_strict(service: Service, guarded: Service) -> None:
    for found in (service, guarded):
        answers = [ask(found, "GET", path) for path in (f"/tree?token={found.token}", "/login", "/lab", "/logout")]
        values = [value for answer in answers for value in answer.raw.headers.getlist("Set-Cookie")]
        given = [value for value in values if '=""' not in value]  # what is taken back needs no word on where it goes
        assert {value.partition("=")[0].partition("-")[0] for value in given} == {"_xsrf", "username"}
        assert [value for value in given if "samesite=strict" not in value.lower()] == []


@pytest.mark.parametrize("page", ["other host", "null", "other port"])
def test_the_cookie_of_somebody_who_is_logged_in_opens_nothing(service: Service, page: str) -> None:
    """What SameSite does not keep away: another port of the same host is the same site."""
    session, origin = logged_in(service), PAGES[page](service)
    before = count(service)
    for method, path in ASKED:
        if method in ("GET", "HEAD"):
            continue
        answer = session.request(method, own(service) + path, headers={"Origin": origin}, timeout=30)
        assert answer.status_code == 403, (method, path, answer.text)
        for how in ({"url": "?token=x"}, {"Authorization": "token x"}):  # a wrong one is none
            headers = {"Origin": origin, **how}
            wrong = session.request(method, own(service) + path + headers.pop("url", ""), headers=headers, timeout=30)
            assert wrong.status_code == 403, (method, path, wrong.text)
        without = session.request(method, own(service) + path, timeout=30)
        assert without.status_code in (403, 404) or method == "OPTIONS", "no Origin, and no token against XSRF"
    assert count(service) == before
    cookies = "Cookie: " + "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    with service.notebook.start("python3") as kernel:
        address = f"/api/kernels/{kernel.id}/channels"
        assert socket(service, address, cookies, origin=origin) == 403
        assert socket(service, address + "?token=x", cookies, origin=origin) == 403
        assert socket(service, address, cookies, origin=own(service)) == 101


def test_its_own_page_works_with_the_cookie(service: Service) -> None:
    session = logged_in(service)
    headers = {"Origin": own(service), "X-XSRFToken": session.cookies["_xsrf"]}
    assert session.post(own(service) + "/api/contents", headers=headers, timeout=30).status_code == 201
    headers.pop("X-XSRFToken")
    assert session.post(own(service) + "/api/contents", headers=headers, timeout=30).status_code == 403


# --- ALLOWED_ORIGINS ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [FRIEND, "http://10.0.0.7:8080"])
def test_a_page_that_is_named_may(open_to_a_friend: Service, origin: str) -> None:
    preflight = ask(
        open_to_a_friend,
        "OPTIONS",
        "/api/kernels",
        Origin=origin,
        **{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
    )
    assert preflight.status_code in (200, 204)
    answers = [preflight, ask(open_to_a_friend, "POST", "/api/contents", Origin=origin)]
    assert answers[1].status_code == 201
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
    assert socket(open_to_a_friend, "/api/events/subscribe", origin=origin) == 101
    assert ask(open_to_a_friend, "GET", "/tree", Referer=origin + "/x", **{"Sec-Fetch-Site": "cross-site"}).ok


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        FRIEND + ".evil.example",
        FRIEND + ":8443",
        FRIEND + "@evil.example",
        FRIEND.replace("https", "http"),
        FRIEND.replace(".", "x"),
        "https://x." + FRIEND[8:],
        FRIEND + "/",
    ],
)
def test_one_that_is_like_it_may_not(open_to_a_friend: Service, origin: str) -> None:
    assert ask(open_to_a_friend, "POST", "/api/terminals", Origin=origin).status_code == 403
    assert socket(open_to_a_friend, "/api/events/subscribe", origin=origin) == 403


def test_with_a_token_a_page_that_is_named_needs_it(with_a_friend: Service) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = ask(with_a_friend, "OPTIONS", "/api/contents", Origin=FRIEND, **asked)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] == FRIEND
    assert ask(with_a_friend, "POST", "/api/contents", Origin=FRIEND).status_code == 403
    answer = ask(with_a_friend, "POST", "/api/contents", Origin=FRIEND, Authorization=f"token {with_a_friend.token}")
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert socket(with_a_friend, f"/api/events/subscribe?token={with_a_friend.token}", origin=FRIEND) == 101
    assert socket(with_a_friend, "/api/events/subscribe", origin=FRIEND) == 403


def test_what_is_no_origin_ends_the_start(serve: Callable[..., Service]) -> None:
    """tests/unit/melda/config/test_origins.py has more of them."""
    value = "https://*.example.org"
    code, lines = serve(ALLOWED_ORIGINS=f"{FRIEND},{value}").ended()
    assert code == 1
    assert lines[-1].startswith(f"invalid ALLOWED_ORIGINS='{value}': expected origins such as")


# --- A real browser: what a page may not read it may still cause ------------------------------------------------------


@pytest.mark.parametrize("mode", ["guarded", "service"])
def test_a_real_page_on_another_origin(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, docker: str, mode: str
) -> None:
    """Forms, requests, pictures, scripts and WebSockets; its reader is allowed to connect, and logged in."""
    service: Service = request.getfixturevalue(mode)
    mine = browser(own(service) + "/tree" + (f"?token={service.token}" if service.token else ""))
    mine.get_by_text("Files").first.wait_for()
    assert mine.evaluate(OWN) == [200, "open", 204], "its own page works"
    before = count(service)
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>win a prize</title><body>")
    with Server(tmp_path, gateway(docker=docker)) as evil:
        read = browser(evil.url + "/index.html").evaluate(ATTACK % json.dumps(own(service)))
    assert count(service) == before, "a terminal or a kernel was made"
    # "opaque" too: Cross-Origin-Resource-Policy keeps the answer from the page, which could not have read it anyway.
    assert read == dict.fromkeys(("simple", "opaque", "json", "get", "socket"), "failed")
