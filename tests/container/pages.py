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
# A page's ways to reach another host. What it may not read it may still cause; the test looks at what came of it.
ATTACK = """
(async () => {
  const url = %s, path = url + "/api/terminals";
  const frame = document.createElement("iframe");
  frame.name = "hidden";
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: path, target: "hidden", enctype: "text/plain" });
  document.body.append(form);
  const sent = new Promise((done) => { frame.onload = done; setTimeout(done, 3000); });
  form.submit();
  await sent;
  const read = {};
  for (const [name, options] of Object.entries({
    simple: { method: "POST", credentials: "include" }, opaque: { method: "POST", mode: "no-cors", credentials: "include" },
    json: { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }, get: {},
  })) {
    read[name] = await fetch(path, options).then((answer) => answer.type == "opaque" ? "opaque" : answer.status, () => "failed");
  }
  await Promise.all(["img", "script"].map((name) => new Promise((done) => {
    const element = document.createElement(name);
    element.onload = element.onerror = done;
    element.src = url + "/terminals/new";
    document.body.append(element);
  })));
  read.socket = await new Promise((done) => {
    const socket = new WebSocket(url.replace("http", "ws") + "/api/events/subscribe");
    socket.onopen = () => done("open");
    socket.onerror = () => done("failed");
  });
  return read;
})()
"""
OWN = """
(async () => {
  const cookie = (document.cookie.match(/_xsrf=([^;]*)/) || [])[1] || "";
  const made = await fetch("/api/terminals", { method: "POST", headers: { "X-XSRFToken": cookie } });
  const name = (await made.json()).name;
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/terminals/websocket/" + name);
  const open = await new Promise((done) => { socket.onopen = () => done("open"); socket.onerror = () => done("failed"); });
  socket.close();
  const gone = await fetch("/api/terminals/" + name, { method: "DELETE", headers: { "X-XSRFToken": cookie } });
  return [made.status, open, gone.status];
})()
"""


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
