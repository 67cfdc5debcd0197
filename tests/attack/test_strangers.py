"""What anybody who can connect may send, and what a user's program may answer in the place of a service."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable

import pytest
import requests

from tests.container.machines import Machine, until
from tests.container.services import Service
from tests.fakes.crowd import Crowd

from .tools import background, python, status

Run = Callable[..., Service]
CHECK = "/usr/src/melda-jupyter/healthcheck"
DOCKERS = 30  # seconds that Docker gives a health check


@pytest.fixture(scope="module")
def service(run: Run) -> Service:
    """A notebook that strangers can reach."""
    return run().ready()


def serves(service: Service, stranger: Machine) -> list[str]:
    """What another client gets of both ports, and what Docker's health check says."""
    codes = [status(stranger, f"http://{service.address}:{path}", seconds=20) for path in ("2310/versions", "8888/api")]
    return [*codes, service.run(f"cd /; timeout {DOCKERS} {CHECK} >/dev/null; echo $?").strip()]


WELL = ["200", "200", "0"]


# What comes a byte a second: of the headers, or of the body.
SLOW = {"headers": b"", "bodies": b"POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"}


@pytest.mark.parametrize("what", SLOW)
def test_slow_requests(service: Service, stranger: Machine, what: str) -> None:
    """600 connections to each port whose headers, or bodies, come a byte a second.
    Proves: other clients are served, and the health check is well."""
    host, first = service.address, SLOW[what]
    with Crowd(host, 2310, 600, first=first) as one, Crowd(host, 8888, 600, first=first) as other:
        until(lambda: min(one.open, other.open) >= 600, "the connections are taken")
        assert serves(service, stranger) == WELL


def memory(service: Service) -> int:
    """MB of the version service."""
    return int(service.run("grep VmRSS /proc/$(pgrep -f version_check_webservic[e])/status").split()[1]) >> 10


def test_requests_of_nobody(service: Service, stranger: Machine) -> None:
    """Twice 100 connections that ask the version service thousands of times in advance, read no answer, and go.
    Proves: other clients are served at once, and what was asked by those who went takes no memory and no time."""
    many = 3000 * b"GET /versions HTTP/1.1\r\nHost: x\r\n\r\n"
    before = memory(service)
    for _ in range(2):
        with Crowd(service.address, 2310, 100, pace=0, first=many, renew=False) as crowd:
            until(lambda: crowd.opened >= 100, "they have asked")  # noqa: B023 called at once
            assert serves(service, stranger) == WELL
    assert serves(service, stranger) == WELL
    assert memory(service) < before + 80


def test_files_of_pages(service: Service) -> None:
    """300 connections that ask for a file of JupyterLab's extensions again and again, without a token.
    Proves: no save of the user's is refused."""
    request, over = b"GET /lab/extensions/nope HTTP/1.1\r\nHost: x\r\n\r\n", threading.Event()

    def send() -> None:
        while not over.wait(0.05):
            for connection in crowd:
                with contextlib.suppress(OSError):
                    connection.recv(1 << 16)
                with contextlib.suppress(OSError):
                    connection.send(request)

    with contextlib.ExitStack() as held:
        crowd = [held.enter_context(socket.create_connection((service.address, 8888))) for _ in range(300)]
        for connection in crowd:
            connection.setblocking(False)
        sender = threading.Thread(target=send)
        sender.start()
        try:
            answers = [
                requests.put(
                    f"{service.notebook.url}/api/contents/saved.txt",
                    json={"type": "file", "format": "text", "content": str(number)},
                    headers=service.notebook.headers,
                    timeout=60,
                ).status_code
                for number in range(20)
            ]
        finally:
            over.set()
            sender.join()
    assert set(answers) <= {200, 201}, answers


@pytest.mark.parametrize("port", [2310, 8888])
def test_many_connections(service: Service, stranger: Machine, port: int) -> None:
    """10,000 connections to one port that send nothing.
    Proves: other clients are served, and the health check is well."""
    with Crowd(service.address, port, 10_000, pace=0, renew=False) as crowd:
        until(lambda: crowd.opened >= 10_000, "they have connected", 120)
        assert serves(service, stranger) == WELL
    until(lambda: serves(service, stranger) == WELL, "and afterwards", 60)


def test_large_request(service: Service) -> None:
    """A stranger posts 200 MB to the version service, and headers without an end.
    Proves: it takes no more than it reads, and keeps none of it on disk."""
    taken = {}
    for kind, head in (
        ("body", "POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n"),
        ("headers", "GET / HTTP/1.1\r\n"),
    ):
        with socket.create_connection((service.address, 2310), timeout=20) as connection:
            sent = 0
            with contextlib.suppress(OSError):
                connection.sendall(head.encode())
                while sent < 200_000_000 and not select.select([connection], [], [], 0)[0]:
                    sent += connection.send(b"X-A: b\r\n" * 10_000)
            taken[kind] = sent
    # What the kernels on both sides hold is not taken.
    assert max(taken.values()) < 50_000_000, taken
    assert requests.get(f"http://{service.address}:2310/versions", timeout=30).status_code == 200


TAKE = """
import glob, os, signal, socket, sys, threading, time
kind = sys.argv[1]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            # In two parts: this program's own text is in its command line.
            if b"version_check" + b"_webservice" in open(path, "rb").read():
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
        except OSError:
            pass
    try:
        listener.bind(("0.0.0.0", 2310))
        break
    except OSError:
        pass
listener.listen(100)
open("/tmp/taken", "w").write(kind)
block = b"x" * (1 << 20)
def answer(connection):
    try:
        connection.recv(65536)
        if kind == "large":
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 700000000\\r\\n\\r\\n")
            for _ in range(700):
                connection.sendall(block)
        elif kind == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
            while True:
                connection.sendall(block)
        elif kind == "continue":
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\\r\\n\\r\\n" * 10000)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n")
            while True:
                connection.sendall(b"x")
                time.sleep(1)
    except OSError:
        pass
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""
# The program above, and not who looks for it.
TAKER = "[k]ind = sys.argv"
MEASURE = f"""
import json, resource, subprocess, time
began = time.monotonic()
try:
    done = subprocess.run(["{CHECK}"], stdout=subprocess.PIPE, timeout=60, cwd="/")
    code, said = done.returncode, len(done.stdout)
except subprocess.TimeoutExpired:
    code, said = -1, 0
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([code, said, peak // 1024, time.monotonic() - began]))
"""


@pytest.fixture(scope="module")
def taken(run: Run) -> Service:
    """A container of its own: what becomes of its port does not matter."""
    return run().ready()


@pytest.mark.parametrize("kind", ["large", "endless", "continue", "drip"])
def test_port_taken_over(taken: Service, kind: str) -> None:
    """The user kills the version service, takes its port, and answers root's health check with what has no end.
    Proves: it reads at most 64 KB, prints no more, and ends by one deadline."""
    taken.run(f"rm -f /tmp/taken; pkill -KILL -f '{TAKER}' || true")
    background(taken, TAKE, kind)
    until(lambda: "taken" in taken.run("ls /tmp"), "the port is taken")
    code, output, peak, seconds = json.loads(python(taken, MEASURE, user="root"))
    assert code in (0, 1) and output <= 65536 + 200 and peak < 100 and seconds < DOCKERS, (code, output, peak, seconds)
