"""Neighbours on the same network, and ways out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.container.machines import Machine, until
from tests.container.services import Service

from .tools import background, python, status

Run = Callable[..., Service]
NET_ADMIN = ("--cap-add", "NET_ADMIN")


CONNECT = """
import socket, sys
for target in sys.argv[1:]:
    host, _, port = target.rpartition(":")
    s = socket.socket()
    s.settimeout(1)
    if s.connect_ex((host, int(port))) == 0:
        print(target)
"""


@pytest.fixture(scope="module")
def closed(run: Run) -> Service:
    """Nobody may connect, and nothing gets out."""
    return run(*NET_ADMIN, PGEO_IPS="192.0.2.7", EGRESS="none", JUPYTER_TOKEN="").ready()


@pytest.fixture(scope="module")
def allowing(run: Run, stranger: Machine) -> Service:
    """The neighbour may connect, and everything gets out."""
    return run(*NET_ADMIN, PGEO_IPS=stranger.address, EGRESS="open").ready()


def test_neighbour(closed: Service, stranger: Machine) -> None:
    """With PGEO_IPS, a neighbour who is not in it connects to each port, of the user's own servers too.
    Proves: nobody else reaches anything."""
    background(closed, "import socketserver as s; s.TCPServer(('', 9999), s.BaseRequestHandler).serve_forever()")
    until(lambda: python(closed, CONNECT, "127.0.0.1:9999") != "", "the user's own server listens")
    assert python(stranger, CONNECT, *(f"{closed.address}:{port}" for port in (22, 2310, 8888, 9999))) == ""


def test_allowed_address_in_wrong_hands(allowing: Service, stranger: Machine) -> None:
    """A neighbour has an allowed address, as by ARP on a shared bridge, where a token is set as well.
    Proves: without the token it gets no kernel, no terminal and no file. (Without a token set: see docs/security.md)"""
    base = f"http://{allowing.address}:8888/api"
    assert [status(stranger, f"{base}/{path}") for path in ("kernels", "terminals", "contents", "sessions")] == [
        "403"
    ] * 4
    assert status(stranger, f"{base}/kernels", f"Authorization: token {allowing.token}") == "200"


OUT = """
import socket, sys
target = sys.argv[1]
found = []
for port in (22, 53, 80, 443, 7777):
    s = socket.socket(); s.settimeout(1)
    if s.connect_ex((target, port)) in (0, 111):
        found.append("tcp %d" % port)
for port in (53, 123, 443, 7777):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
    try:
        s.connect((target, port)); s.send(b"out"); s.recv(10)
    except ConnectionRefusedError:
        found.append("udp %d" % port)
    except OSError:
        pass
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(1)
    s.sendto(b"\\x08\\x00\\xf7\\xff\\x00\\x00\\x00\\x00", (target, 0)); s.recv(100)
    found.append("icmp")
except OSError:
    pass
print(found)
"""


def test_way_out(closed: Service, allowing: Service, stranger: Machine) -> None:
    """With EGRESS=none the user sends TCP, UDP and ICMP to a neighbour, to whom a refusal too would be an answer.
    Proves: nothing of the user's gets out."""
    assert python(closed, OUT, stranger.address).strip() == "[]"
    assert "udp 7777" in python(allowing, OUT, stranger.address), "the probe itself works"


# EC2 and most other clouds, ECS, EKS Pod Identity.
CREDENTIALS = ("169.254.169.254", "169.254.170.2", "169.254.170.23")


@pytest.fixture
def cloud(docker: str, image: str) -> Iterator[Machine]:
    """A neighbour that has these addresses, and answers whoever asks."""
    machine = Machine(docker, image, NET_ADMIN, ("tail", "-f", "/dev/null"))
    for address in CREDENTIALS:
        machine.run(f"ip address add {address} dev eth0")
    background(
        machine, "import socketserver as s; s.TCPServer(('', 80), s.BaseRequestHandler).serve_forever()", user="root"
    )
    yield machine
    machine.remove()


def test_clouds_credentials(allowing: Service, cloud: Machine) -> None:
    """The user asks the addresses at which clouds hand out credentials to whoever asks.
    Proves: they are root's alone where there is a firewall."""
    for address in CREDENTIALS:
        allowing.run(f"ip route add {address} dev eth0")
    targets = [f"{address}:80" for address in CREDENTIALS]
    until(lambda: python(allowing, CONNECT, *targets, user="root").split() == targets, f"{cloud.name} answers root")
    assert python(allowing, CONNECT, *targets) == ""
