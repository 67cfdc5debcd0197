"""A real browser, with a page of another origin open in it: forms, requests, pictures, scripts and WebSockets to a Jupyter."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.serve import Server, gateway

from .chromium import Browser, browser  # noqa: F401
from .pages import count, guarded, own  # noqa: F401
from .services import Service

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


@pytest.mark.parametrize("mode", ["guarded", "service"])
def test_a_real_page_on_another_origin(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, docker: str, mode: str
) -> None:
    """Its reader is allowed to connect, and logged in."""
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
