"""The Flask application, without a server and behind the one that it has in a container."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading

import pytest
import version_check_webservice as service
from melda_runtime import health
from melda_runtime.environment import Place
from melda_runtime.versions import Installed


def test_versions_keep_their_order(place: Place) -> None:
    answer = service.application(Installed(place)).test_client().get("/versions")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    pairs = json.loads(answer.data, object_pairs_hook=list)
    assert [name for name, _ in pairs][1:] == ["Python", "R"]
    assert pairs[1][1][0][0] == "Python"


def test_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "capture", lambda: {"schema": 1})
    answer = service.application(Installed(place)).test_client().get("/environment")
    assert (answer.status_code, answer.json) == (200, {"schema": 1})


@pytest.mark.parametrize(("mount", "status"), [("ok", 200), ("does not answer", 503)])
def test_healthz(place: Place, monkeypatch: pytest.MonkeyPatch, mount: str, status: int) -> None:
    monkeypatch.setattr(health, "report", lambda _: {"mount": mount})
    answer = service.application(Installed(place)).test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (status, {"mount": mount})


def test_connections_that_are_left_open_shut_nobody_out(place: Place) -> None:
    server = service.server(Installed(place), "127.0.0.1", 0)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.effective_port)))
            connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/versions")
                assert connection.getresponse().status == 200
    finally:
        server.close()
