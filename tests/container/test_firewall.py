"""Who may connect and where to, tried by neighbours on the same network, over IPv4 and IPv6."""

from __future__ import annotations

import secrets
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .machines import Machine, until
from .services import MOUNT, Service, bucket_variables

NET_ADMIN = ("--cap-add", "NET_ADMIN")
PORTS = (22, 2310, 8888, 9999)
IDLE = ("tail", "-f", "/dev/null")
# From an address to ports: those that take a connection within a second.
OPEN = """
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), 1).close()
        print(port)
    except OSError:
        pass
"""
# From a port, whose number root has used, a datagram to another's: what comes back within a second.
ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.bind(("", 40053))
    asking.settimeout(1)
    try:
        asking.sendto(b"asked", (sys.argv[1], 53))
        print(asking.recv(100).decode())
    except OSError:
        print("nothing")
"""
ANSWER = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
    answering.bind(("", 53))
    while True:
        answering.sendto(*answering.recvfrom(100))
"""


@dataclass
class Network:
    """A Docker network with both protocols."""

    name: str
    gateway: str
    subnet6: str

    def addresses(self, machine: Machine) -> tuple[str, str]:
        """IPv4 and IPv6 address of a container on it."""
        base = f'(index .NetworkSettings.Networks "{self.name}")'
        found = machine.inspect(f"{{{{with {base}}}}}{{{{.IPAddress}}}} {{{{.GlobalIPv6Address}}}}{{{{end}}}}").split()
        return found[0], found[1]


@pytest.fixture(scope="module")
def network(docker: str) -> Iterator[Network]:
    name = f"melda-test-{uuid.uuid4().hex[:12]}"
    six = f"fd{uuid.uuid4().hex[:2]}:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::/64"
    four = f"10.213.{secrets.randbelow(256)}.0/24"
    subprocess.run(
        [docker, "network", "create", "--ipv6", "--subnet", four, "--subnet", six, name],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield Network(name, gateway(name, docker), six.partition("/")[0])
    finally:
        subprocess.run([docker, "network", "rm", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def neighbours(docker: str, image: str, network: Network) -> Iterator[tuple[Machine, Machine]]:
    """One that may connect, and one that may not."""
    both = [Machine(docker, image, ("--network", network.name), IDLE) for _ in range(2)]
    yield both[0], both[1]
    for machine in both:
        machine.remove()


def connects(machine: Machine, address: str, *ports: int, user: str = "melda") -> set[int]:
    """The ports at ``address`` that take a connection from ``machine``."""
    output = machine.run(f"/opt/jupyter/bin/python -c '{OPEN}' {address} {' '.join(map(str, ports))}", user=user)
    return {int(line) for line in output.split()}


def asked(machine: Machine, address: str, user: str) -> str:
    """What UDP port 53 at ``address`` answers to ``machine``, always asked from one port."""
    return machine.run(f"/opt/jupyter/bin/python -c '{ASK}' {address}", user=user).strip()


# Connects to ports of two addresses again and again; those that ever took a connection.
SCAN = """
import os, socket, sys
found = set()
open("/tmp/scanning", "w").close()
while not os.path.exists("/tmp/enough"):
    for port in (22, 2310, 8888):
        for kind, address in zip((socket.AF_INET, socket.AF_INET6), sys.argv[1:]):
            with socket.socket(kind) as one:
                one.settimeout(0.05)
                if one.connect_ex((address, port)) == 0:
                    found.add(port)
print(sorted(found))
"""


@pytest.fixture(scope="module")
def scanned() -> list[str]:
    """What a scan found that the neighbour who may not connect made while the guarded container started."""
    return []


@pytest.fixture(scope="module")
def guarded(
    docker: str,
    image: str,
    network: Network,
    neighbours: tuple[Machine, Machine],
    public_key: str,
    scanned: list[str],
) -> Iterator[Service]:
    """A container that lets one of the neighbours in, with a server of the user's own on port 9999."""
    allowed, stranger = neighbours
    front, _, last = network.gateway.rpartition(".")
    four, six = f"{front}.{int(last) + 77}", f"{network.subnet6}77"

    def scan() -> None:
        scanned.append(stranger.run(f"/opt/jupyter/bin/python -c '{SCAN}' {four} {six}", user="melda"))

    scanner = threading.Thread(target=scan)
    scanner.start()
    until(lambda: "scanning" in stranger.run("ls /tmp"), "the scan runs")
    peers = " , ".join(network.addresses(allowed))
    options = ("--network", network.name, "--ip", four, "--ip6", six, *NET_ADMIN)
    service = Service(docker, image, options, PGEO_IPS=peers, SSH_AUTHORIZED_KEYS=public_key)
    try:
        service.ready()
        for one in (four, six):
            until(lambda at=one: connects(allowed, at, 22, 2310, 8888) == {22, 2310, 8888}, "others reach all of it")
        serve = "cd /tmp && exec python -m http.server --bind :: 9999"
        subprocess.run([docker, "exec", "--detach", "--user", "melda", service.name, "sh", "-c", serve], check=True)
        until(lambda: 9999 in connects(service, "::1", 9999), "the user's server answers")
        stranger.run("touch /tmp/enough", user="melda")
        scanner.join()
        yield service
    finally:
        stranger.run("touch /tmp/enough", user="melda")
        scanner.join()
        service.remove()


def test_no_moment_is_open_while_it_starts(guarded: Service, scanned: list[str]) -> None:
    assert scanned == ["[]\n"]


def test_the_neighbour_that_may_reaches_every_port(
    guarded: Service, network: Network, neighbours: tuple[Machine, Machine]
) -> None:
    four, six = network.addresses(guarded)
    assert connects(neighbours[0], four, *PORTS) == set(PORTS)
    assert connects(neighbours[0], six, *PORTS) == set(PORTS)
    for path in (":8888/api", ":2310/healthz"):
        assert "200" in neighbours[0].run(f"curl -sSi 'http://[{six}]{path}' | head -1")


def test_the_user_takes_none_of_the_connections_that_sshd_lets_wait(guarded: Service, network: Network) -> None:
    four, six = network.addresses(guarded)
    for address in ("127.0.0.1", "127.1.2.3", "::1", four, six):
        assert connects(guarded, address, 22, 8888) == {8888}
        assert connects(guarded, address, 22, user="root") == {22}


def test_the_neighbour_that_may_not_reaches_none(
    guarded: Service, network: Network, neighbours: tuple[Machine, Machine]
) -> None:
    four, six = network.addresses(guarded)
    assert connects(neighbours[1], four, *PORTS) == set()
    assert connects(neighbours[1], six, *PORTS) == set()


def test_the_same_rules_after_a_restart(guarded: Service) -> None:
    def rules() -> list[str]:
        saved = guarded.run("iptables-save -t filter; ip6tables-save -t filter")
        return [line.split(" [")[0] for line in saved.splitlines() if line[:1] in ":-"]

    before = rules()
    assert len(before) > 20
    subprocess.run([guarded.docker, "restart", guarded.name], check=True, stdout=subprocess.DEVNULL)
    guarded.ready(times=2)
    assert rules() == before


CREDENTIALS = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23")


@pytest.fixture(scope="module")
def cloud(docker: str, image: str, network: Network) -> Iterator[Machine]:
    """A neighbour at the addresses where clouds give credentials to whoever asks."""
    machine = Machine(docker, image, ("--network", network.name, *NET_ADMIN), IDLE)
    for address in CREDENTIALS:
        machine.run(f"ip address add {address} dev eth0" + (" nodad" if ":" in address else ""))
    serve = "cd /tmp && exec /opt/jupyter/bin/python -m http.server --bind :: 80"
    subprocess.run([docker, "exec", "--detach", machine.name, "sh", "-c", serve], check=True)
    yield machine
    machine.remove()


def check_credentials(service: Service) -> None:
    """Root reaches the addresses where a cloud gives credentials, and the user does not."""
    service.run("; ".join(f"ip route add {address} dev eth0" for address in CREDENTIALS))

    def reached(user: str) -> tuple[str, ...]:
        each = f"/opt/jupyter/bin/python -c '{OPEN}' $one 80 | sed \"s/^80$/$one/\""
        return tuple(service.run(f"for one in {' '.join(CREDENTIALS)}; do {each}; done", user=user).split())

    until(lambda: reached("root") == CREDENTIALS, "they answer root")
    assert reached("melda") == ()


@pytest.fixture(scope="module")
def listening(docker: str, network: Network, neighbours: tuple[Machine, Machine]) -> Machine:
    """The neighbour that may not connect, with services of its own: web, a proxy, another port, names."""
    asks, target = neighbours
    listen = "import socketserver as s, sys; s.ThreadingTCPServer(('', int(sys.argv[1])), s.BaseRequestHandler).serve_forever()"
    servers = [f'/opt/jupyter/bin/python -c "{listen}" {port}' for port in (80, 3128, 7777)]
    for command in (*servers, f"/opt/jupyter/bin/python -c '{ANSWER}'"):
        subprocess.run([docker, "exec", "--detach", target.name, "sh", "-c", command], check=True)
    four, _ = network.addresses(target)
    until(lambda: asked(asks, four, "root") == "asked", "the neighbour answers datagrams")
    until(lambda: connects(asks, four, 80, 3128, 7777) == {80, 3128, 7777}, "the neighbour listens")
    return target


@pytest.mark.parametrize(
    ("mode", "web", "other", "name"),
    [("web", True, False, True), ("none", False, False, False), ("open", True, True, True)],
)
def test_the_way_out(
    network: Network,
    listening: Machine,
    cloud: Machine,
    serve: Callable[..., Service],
    mode: str,
    web: bool,
    other: bool,
    name: bool,
) -> None:
    """Of the user, who may use a proxy on a port of its own; the mount works in every mode, and the cloud's keys are root's."""
    four, _ = network.addresses(listening)
    with Server(network.gateway) as s3:
        bucket = s3.bucket("melda-projects")
        keys = s3.credentials("melda-test-user", bucket)
        service = serve(
            "--network", network.name, *NET_ADMIN, *MOUNT,
            PGEO_IPS=network.gateway, EGRESS=mode, **bucket_variables(s3, bucket, keys),
            https_proxy=f"http://{listening.name}:3128",
        )  # fmt: skip
        service.ready()
        assert four in service.run(f"getent ahostsv4 {listening.name}"), "the mount's names"
        service.run("echo kept > /home/melda/project/file", user="melda")
        assert connects(service, four, 80, 3128, 7777) == ({80, 3128} if web else set()) | ({7777} if other else set())
        found = service.run(f"getent ahostsv4 {listening.name} || true", user="melda")
        assert (four in found) == name, "a name can carry anything to whoever is asked for it"
        assert asked(service, four, "root") == "asked"
        assert asked(service, four, "melda") == ("asked" if other else "nothing"), (
            "root's question is not the user's way"
        )
        port = int(s3.url.rsplit(":", 1)[1])
        assert connects(service, network.gateway, port) == ({port} if other else set()), "the mount's way is root's"
        assert connects(service, network.gateway, port, user="root") == {port}
        check_credentials(service)
        assert service.seconds_to_stop() < 9
        found_keys = {item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket)["Contents"]}
        assert "users/ada/file" in found_keys


def test_the_clouds_credentials_are_roots_alone_where_nothing_is_asked_for(
    serve: Callable[..., Service], network: Network, cloud: Machine
) -> None:
    check_credentials(serve("--network", network.name, *NET_ADMIN).ready())
