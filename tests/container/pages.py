"""What pages and servers ask of a container's Jupyter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import websocket

from tests.fakes.serve import gateway

from .services import Service, running

NET_ADMIN = ("--cap-add", "NET_ADMIN")
EVIL, FRIEND = "http://evil.example.org", "https://notebooks.example.org"


def other_port(service: Service) -> str:
    """An origin of the same host."""
    return f"http://{service.address}:8080"


@pytest.fixture(scope="module")
def guarded(docker: str, image: str) -> Iterator[Service]:
    """A container without a token: its firewall says who may connect, this machine."""
    with running(docker, image, *NET_ADMIN, PGEO_IPS=gateway(docker=docker), JUPYTER_TOKEN="") as found:
        yield found


def ask(service: Service, method: str, path: str, **headers: str) -> requests.Response:
    """One request, with these headers and no token."""
    return requests.request(
        method, service.notebook.url + path, headers=headers, timeout=30, allow_redirects=False, data=None
    )


def own(service: Service) -> str:
    """The origin of its own pages."""
    return service.notebook.url


def socket(service: Service, path: str, *headers: str, origin: str = "") -> int:
    """Status of the answer to a WebSocket's request."""
    url = service.notebook.url.replace("http", "ws", 1) + path
    options = {"origin": origin} if origin else {"suppress_origin": True}
    try:
        websocket.create_connection(url, timeout=30, header=list(headers), **options).close()
    except websocket.WebSocketBadStatusException as error:
        return int(error.status_code)
    return 101


def count(service: Service) -> int:
    """How many terminals and kernels there are."""
    return sum(len(service.notebook.request("GET", path).json()) for path in ("/api/terminals", "/api/kernels"))
