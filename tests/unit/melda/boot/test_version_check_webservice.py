"""The Flask application, without a server and behind the one that it has in a container."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from melda.boot import health
from melda.boot import version_check_webservice as service
from melda.boot.activity import Activity
from melda.config import secret_files
from melda.config.environ import ImageLayout
from melda.envs.errors import UsageError
from melda.versions.libraries import Installed

from tests.unit.melda.servers import ended, serving

STRANGER = {"REMOTE_ADDR": "198.51.100.9"}


def going_on(**found: object) -> Activity:
    activity = Activity(1, {}, 0.0)
    activity.found = dict(found)
    return activity


def client(place: ImageLayout, **variables: str) -> FlaskClient:
    return service.application(Installed(place), variables, going_on()).test_client()


def test_versions_keep_their_order(place: ImageLayout) -> None:
    answer = client(place).get("/versions", environ_base=STRANGER)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    pairs = json.loads(answer.data, object_pairs_hook=list)
    assert [name for name, _ in pairs][1:] == ["Python", "R"]
    assert pairs[1][1][0][0] == "Python"


def test_environment_is_for_who_may_use_the_notebook(
    place: ImageLayout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("melda.envs.capture.capture", lambda: {"schema": 1})
    path = tmp_path / "token"
    here = client(place, PGEO_IPS="192.0.2.0/24", **{secret_files.COPY: str(path)})
    path.write_text("s3cret")
    for granted in (
        here.get("/environment"),  # of this host
        here.get("/environment", environ_base={"REMOTE_ADDR": "192.0.2.7"}),
        here.get("/environment?token=s3cret", environ_base=STRANGER),
        here.get("/environment", environ_base=STRANGER, headers={"Authorization": "token s3cret"}),
    ):
        assert (granted.status_code, granted.json) == (200, {"schema": 1})
    for refused in (
        here.get("/environment", environ_base=STRANGER),
        here.get("/environment?token=wrong", environ_base=STRANGER),
        here.get("/environment", headers={"Origin": "https://evil.example"}),
        here.get("/environment", headers={"Host": "rebound.evil.example"}),
    ):
        assert refused.status_code == 403 and "token" in refused.json["error"] and refused.data.count(b"\n") == 1
        assert b"s3cret" not in refused.data and "Access-Control-Allow-Origin" not in refused.headers
    path.unlink()
    assert here.get("/environment?token=", environ_base=STRANGER).status_code == 403, "no token is no token that fits"


def test_an_environment_that_cannot_be_read_is_an_answer(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise UsageError("/x cannot be read: Input/output error; what was written down before stays")

    monkeypatch.setattr("melda.envs.capture.capture", failing)
    answer = client(place).get("/environment")
    assert answer.status_code == 503 and answer.json["error"].startswith("/x cannot be read: ")


@pytest.mark.parametrize(("mount", "status"), [("ok", 200), ("fails: x", 503)])
def test_healthz(place: ImageLayout, monkeypatch: pytest.MonkeyPatch, mount: str, status: int) -> None:
    found = {"mount": mount, "plugins": "failed: /home/melda/project"}
    monkeypatch.setattr(health, "report", lambda _: found)
    answer = client(place).get("/healthz")
    assert (answer.status_code, answer.json) == (status, found)
    answer = client(place).get("/healthz", environ_base=STRANGER)
    assert (answer.status_code, answer.json) == (status, {"mount": mount.partition(":")[0], "plugins": "failed"})
    answer = service.inside(going_on()).test_client().get("/healthz", environ_base={"REMOTE_ADDR": "0.0.0.0"})
    assert (answer.status_code, answer.json) == (status, found)


def test_activity_is_for_who_may_use_the_notebook(place: ImageLayout, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret")
    seen = going_on(idle_seconds=3.5, active=[])
    here = service.application(Installed(place), {secret_files.COPY: str(path)}, seen).test_client()
    assert here.get("/activity", environ_base=STRANGER).status_code == 403
    answer = here.get("/activity?token=s3cret", environ_base=STRANGER)
    assert (answer.status_code, answer.json) == (200, {"idle_seconds": 3.5, "active": []})
    assert service.inside(seen).test_client().get("/activity").json == answer.json
    assert service.inside(going_on()).test_client().get("/activity").status_code == 503, "nobody has looked yet"


def test_strangers_shut_nobody_out(place: ImageLayout, capfd: pytest.CaptureFixture[str]) -> None:
    application = service.application(Installed(place), {}, going_on())
    with serving(lambda: service.server(application)) as (port, _), contextlib.ExitStack() as stack:
        for sent in (b"", b"GET /versions HTTP/1.1\r\nX: ", b"POST /versions HTTP/1.1\r\nContent-Length: 9\r\n\r\n"):
            for _ in range(300):
                stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(sent)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/versions?token=s3cret")
            answer = connection.getresponse()
            assert answer.status == 200 and answer.headers["Server"] == "melda-jupyter"
            assert len(answer.read()) == int(answer.headers["Content-Length"])
    output = capfd.readouterr()
    assert "s3cret" not in output.out + output.err


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /versions HTTP/1.1\r\nHost: a:b\r\n\r\n",
        b"POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n!",
        b"GET /versions HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000,
    ],
    ids=["a host that is none", "a body", "a long header"],
)
def test_a_request_that_is_none_ends_its_connection(
    place: ImageLayout, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    application = service.application(Installed(place), {}, going_on())
    with serving(lambda: service.server(application)) as (port, _), contextlib.ExitStack() as stack:
        one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        with contextlib.suppress(OSError):
            one.sendall(sent)
        assert ended(one, 3)
    assert "Traceback" not in capfd.readouterr().err


def test_it_has_its_port_before_it_waits_for_jupyter_and_only_then_loads_the_rest(src: Path) -> None:
    """As the program that it is in a container."""
    code = f"""
import socket, sys
sys.path.insert(0, {str(src)!r})
from melda.base import deferred, paths
done = []
socket.create_server = lambda address, **_: done.append(address)
def wait(path):
    assert path == paths.JUPYTER_SOCKET
    loaded = {{"asyncio", "flask", "tornado", "melda.boot", "melda.versions.libraries"}} & {{*sys.modules}}
    print(done, sorted(loaded))
    raise SystemExit
deferred.wait = wait
import runpy
runpy.run_path({str(src / "melda/boot/version_check_webservice.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "[('0.0.0.0', 2310), ('::', 2310)] []\n"


def test_who_is_gone_is_not_worked_for() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)
    asked: list[str] = []

    def slow(environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        begun.release()
        assert go_on.wait(10)
        start_response("200 OK", [])
        return [b"x"]

    def connect(port: int, path: str) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return one

    with serving(lambda: service.server(slow, threads=1)) as (port, _), contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(port, "/first"))
        assert begun.acquire(timeout=10)
        for _ in range(20):
            gone = connect(port, "/gone")
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
        last = stack.enter_context(connect(port, "/last"))
        go_on.set()
        assert first.recv(100) and last.recv(100)
    assert asked == ["/first", "/last"]
