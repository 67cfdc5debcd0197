"""Strangers by the thousand, slow ones, and who takes the place of a service: others are served, root reads little."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.fakes.crowd import Crowd
from tests.fakes.serve import gateway

from .machines import until
from .services import Service, running

Serve = Callable[..., Service]
# Who answers in a service's place, as the user: many MB at once, or a byte a second; ``where`` is a port or a socket's path.
IMPOSTOR = """
import os, socket, subprocess, sys, time
where, how = sys.argv[1:]
while True:
    try:
        if where.isdigit():
            listening = socket.create_server(("0.0.0.0", int(where)))
        else:
            listening = socket.socket(socket.AF_UNIX)
            os.unlink(where)
            listening.bind(where)
            listening.listen()
        break
    except OSError:
        subprocess.run(["pkill", "--signal", "KILL", "--full", "[v]ersion_check_webservice"])
print("there", flush=True)
while True:
    connection, _ = listening.accept()
    try:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n\\x1b[31m")
        while True:
            connection.sendall(b"x" if how == "slow" else b"x" * (1 << 20))
            if how == "slow":
                time.sleep(1)
    except OSError:
        pass
"""
SOCKET = "/run/melda-jupyter/health/socket"
PEAK = "import resource, subprocess, sys; done = subprocess.run(['healthcheck']);"
PEAK += " print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
# 600 slow ones, and 10,000 that send nothing, are tried in tests/attack/test_strangers.py.
SIZE, PACE = 10_000, 1.0


def get(service: Service, path: str, token: bool = False, **headers: str) -> requests.Response:
    if token:
        headers["Authorization"] = f"token {service.token}"
    return requests.get(f"http://{service.address}:2310{path}", headers=headers, timeout=30)


def there(crowd: Crowd) -> None:
    until(lambda: crowd.opened >= crowd.size, f"{crowd.size} strangers have connected", 120)


def test_others_read_versions_and_health_while_strangers_hold_the_port(service: Service) -> None:
    with Crowd(service.address, 2310, SIZE, PACE) as crowd:
        there(crowd)
        for _ in range(5):
            assert get(service, "/versions").status_code == 200
            assert get(service, "/healthz").status_code == 200
        assert json.loads(service.run("healthcheck"))["jupyter"] == "ok"


def test_jupyter_serves_while_strangers_hold_its_port(service: Service) -> None:
    with service.notebook.start("python3") as kernel:
        with Crowd(service.address, 8888, SIZE, PACE) as crowd:
            there(crowd)
            assert kernel.run("print(6 * 7)").stdout == "42\n", "a WebSocket stays"
            assert service.notebook.request("GET", "/api/contents").json()["type"] == "directory"
            assert service.notebook.run("python3", "print(1)").stdout == "1\n"
            assert json.loads(service.run("healthcheck"))["jupyter"] == "ok"
        kernel.close()


def test_a_stranger_sends_jupyter_no_large_body_and_the_user_does(service: Service) -> None:
    url = f"http://{service.address}:8888/api/contents/large.txt"
    body = json.dumps({"type": "file", "format": "text", "content": "x" * (20 << 20)})
    with contextlib.suppress(requests.ConnectionError):  # closed before everything was sent
        assert requests.put(url, data=body, timeout=60).status_code == 400
    answer = requests.put(url, data=body, timeout=60, headers={"Authorization": f"token {service.token}"})
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def visited(docker: str, image: str) -> Iterator[Service]:
    """A container for :func:`guest`, in which nobody else checks the health."""
    with running(docker, image) as service:
        yield service


@pytest.fixture
def guest(visited: Service) -> Iterator[Callable[[str, str], Service]]:
    """Let a process of the user's take a service's place in a container; afterwards its own service starts again."""

    def start(where: str, how: str) -> Service:
        visited.run("cat >/tmp/impostor.py <<'END'\n" + IMPOSTOR + "\nEND")
        visited.run(f"(python3 /tmp/impostor.py {where} {how} >/tmp/said 2>&1 &)", user="melda")
        until(lambda: "there" in visited.run("cat /tmp/said"), "the place is taken")
        return visited

    # Its own service has its socket a moment after Jupyter answers.
    until(lambda: '"jupyter": "ok"' in visited.run("healthcheck", check=False), "the service is there")
    yield start
    visited.run("pkill --signal KILL --full '[i]mpostor.py|[v]ersion_check_webservice'; rm /tmp/said")


@pytest.mark.parametrize("where", ["2310", SOCKET])
@pytest.mark.parametrize("how", ["fast", pytest.param("slow", marks=pytest.mark.full)])
def test_the_health_check_is_short_and_small_whoever_answers(
    guest: Callable[[str, str], Service], where: str, how: str
) -> None:
    service = guest(where, how)
    began = time.monotonic()
    output = service.run(f'python3 -c "{PEAK}"')
    assert time.monotonic() - began < 25
    line, peak = output.splitlines()
    assert line.isprintable() and len(line.encode()) < 4096
    assert int(peak.split()[1]) < 64, "megabytes"
    if where == "2310":
        assert peak.split()[0] == "1", "the service that is dead is noticed"


def test_the_health_check_is_the_users_while_it_waits(guest: Callable[[str, str], Service]) -> None:
    service = guest(SOCKET, "slow")
    service.run("(healthcheck >/tmp/checked 2>&1 &)")
    process = "/proc/$(pgrep --newest --full '[h]ealthcheck$')"
    identity = f"grep -sE '^(Uid|Gid|NoNewPrivs):' {process}/status"
    until(lambda: "1001" in service.run(identity, check=False), "it is the user", 10)
    found = service.run(f"{identity}; stat -c %U {process}/environ").split()
    assert found == ["Uid:", *4 * ["1001"], "Gid:", *4 * ["1001"], "NoNewPrivs:", "1", "root"], found
    denied = service.run(f"cat {process}/environ", user="melda", check=False)
    assert "Permission denied" in denied and "JUPYTER_TOKEN" not in denied


def test_environment_is_for_those_who_may_use_the_notebook(service: Service) -> None:
    refused = get(service, "/environment")
    assert refused.status_code == 403 and "token" in refused.json()["error"]
    assert get(service, "/environment?token=wrong").status_code == 403
    assert get(service, "/environment", token=True).json()["schema"] == 1
    assert get(service, f"/environment?token={service.token}").json()["schema"] == 1
    ask = "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:2310/environment').status)\""
    assert service.run(ask, user="melda") == "200\n"
    assert service.token not in service.logs()


def test_with_pgeo_ips_its_addresses_may_ask_and_their_browsers_for_others_may_not(serve: Serve, docker: str) -> None:
    service = serve("--cap-add", "NET_ADMIN", JUPYTER_TOKEN="", PGEO_IPS=gateway(docker=docker)).ready()
    assert get(service, "/environment").json()["schema"] == 1
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        answer = get(service, "/environment", **headers)
        assert answer.status_code == 403 and not [name for name in answer.headers if name.startswith("Access-Control")]


def test_strangers_learn_no_names_from_healthz(service: Service) -> None:
    name = f"secret-{secrets.token_hex(4)}"
    service.run("pkill --signal STOP --full '[p]lugin-sync'")  # it writes the line again every second
    service.run(f"printf 'failed: {name}' > /run/melda-jupyter/plugins/state", user="melda")
    try:
        assert get(service, "/healthz").json()["plugins"] == "failed"
        assert get(service, "/healthz", token=True).json()["plugins"] == f"failed: {name}"
    finally:
        service.run("rm /run/melda-jupyter/plugins/state; pkill --signal CONT --full '[p]lugin-sync'", user="melda")
