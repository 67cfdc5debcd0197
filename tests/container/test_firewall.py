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
from .notebook import Notebook
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


@pytest.fixture(scope="module")
def guarded(
    docker: str, image: str, network: Network, neighbours: tuple[Machine, Machine], public_key: str
) -> Iterator[Service]:
    """A container that lets one of the neighbours in, with a server of the user's own on port 9999."""
    peers = " , ".join(network.addresses(neighbours[0]))
    options = ("--network", network.name, *NET_ADMIN)
    service = Service(docker, image, options, PGEO_IPS=peers, SSH_AUTHORIZED_KEYS=public_key)
    try:
        service.ready()
        serve = "cd /tmp && exec python -m http.server --bind :: 9999"
        subprocess.run([docker, "exec", "--detach", "--user", "melda", service.name, "sh", "-c", serve], check=True)
        until(lambda: 9999 in connects(service, "::1", 9999), "the user's server answers")
        yield service
    finally:
        service.remove()


def test_the_neighbour_that_may_reaches_every_port(
    guarded: Service, network: Network, neighbours: tuple[Machine, Machine]
) -> None:
    four, six = network.addresses(guarded)
    until(lambda: 22 in connects(neighbours[0], four, 22), "sshd listens")
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


def test_no_moment_is_open_while_it_starts(
    docker: str,
    image: str,
    network: Network,
    neighbours: tuple[Machine, Machine],
    serve: Callable[..., Service],
    public_key: str,
) -> None:
    allowed, stranger = neighbours
    address = str(int(network.gateway.rsplit(".", 1)[1]) + 77)
    address = f"{network.gateway.rsplit('.', 1)[0]}.{address}"
    six = f"{network.subnet6}77"
    scan = (
        "import socket, os\n"
        "found = set()\n"
        "open('/tmp/scanning', 'w').close()\n"
        "while not os.path.exists('/tmp/enough'):\n"
        "    for port in (22, 2310, 8888):\n"
        f"        for kind, address in (socket.AF_INET, '{address}'), (socket.AF_INET6, '{six}'):\n"
        "            s = socket.socket(kind); s.settimeout(0.05)\n"
        "            if s.connect_ex((address, port)) == 0: found.add(port)\n"
        "            s.close()\n"
        "print(sorted(found))\n"
    )
    stranger.run("rm -f /tmp/enough /tmp/scanning", user="melda")
    output: list[str] = []
    scanner = threading.Thread(
        target=lambda: output.append(stranger.run(f'/opt/jupyter/bin/python -c "{scan}"', user="melda"))
    )
    scanner.start()
    until(lambda: "scanning" in stranger.run("ls /tmp"), "the scan runs")
    peers = ",".join(network.addresses(allowed))
    service = serve(
        "--network",
        network.name,
        "--ip",
        address,
        "--ip6",
        six,
        *NET_ADMIN,
        PGEO_IPS=peers,
        SSH_AUTHORIZED_KEYS=public_key,
    )
    service.ready()
    for one in (address, six):
        until(lambda at=one: connects(allowed, at, 22, 2310, 8888) == {22, 2310, 8888}, "all of it is there for others")  # type: ignore[misc]
    stranger.run("touch /tmp/enough", user="melda")
    scanner.join()
    assert output == ["[]\n"]


@pytest.mark.parametrize(
    ("mode", "web", "other", "name"),
    [("web", True, False, True), ("none", False, False, False), ("open", True, True, True)],
)
def test_the_way_out(
    docker: str,
    network: Network,
    neighbours: tuple[Machine, Machine],
    serve: Callable[..., Service],
    mode: str,
    web: bool,
    other: bool,
    name: bool,
) -> None:
    """Of the user, who may use a proxy on a port of its own; and the mount works in every mode."""
    target = neighbours[1]
    listen = "import socketserver as s, sys; s.ThreadingTCPServer(('', int(sys.argv[1])), s.BaseRequestHandler).serve_forever()"
    for port in (80, 3128, 7777):
        command = ["sh", "-c", f'/opt/jupyter/bin/python -c "{listen}" {port} || true']
        subprocess.run([docker, "exec", "--detach", target.name, *command], check=True)
    command = ["sh", "-c", f"/opt/jupyter/bin/python -c '{ANSWER}' || true"]
    subprocess.run([docker, "exec", "--detach", target.name, *command], check=True)
    four, _ = network.addresses(target)
    until(lambda: asked(neighbours[0], four, "root") == "asked", "the neighbour answers datagrams")
    until(lambda: connects(neighbours[0], four, 80, 3128, 7777) == {80, 3128, 7777}, "the neighbour listens")
    with Server(network.gateway) as s3:
        bucket = s3.bucket("melda-projects")
        keys = s3.credentials("melda-test-user", bucket)
        service = serve(
            "--network", network.name, *NET_ADMIN, *MOUNT,
            PGEO_IPS=network.gateway, EGRESS=mode, **bucket_variables(s3, bucket, keys),
            https_proxy=f"http://{target.name}:3128",
        )  # fmt: skip
        service.ready()
        assert four in service.run(f"getent ahostsv4 {target.name}"), "the mount's names"
        service.run("echo kept > /home/melda/project/file", user="melda")
        assert connects(service, four, 80, 3128, 7777) == ({80, 3128} if web else set()) | ({7777} if other else set())
        found = service.run(f"getent ahostsv4 {target.name} || true", user="melda")
        assert (four in found) == name, "a name can carry anything to whoever is asked for it"
        assert asked(service, four, "root") == "asked"
        assert asked(service, four, "melda") == ("asked" if other else "nothing"), (
            "root's question is not the user's way"
        )
        port = int(s3.url.rsplit(":", 1)[1])
        assert connects(service, network.gateway, port) == ({port} if other else set()), "the mount's way is root's"
        assert connects(service, network.gateway, port, user="root") == {port}
        assert service.seconds_to_stop() < 9
        found_keys = {item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket)["Contents"]}
        assert "users/ada/file" in found_keys


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


@pytest.mark.parametrize("values", [{}, {"PGEO_IPS": "192.0.2.7"}, {"EGRESS": "open"}])
def test_the_clouds_credentials_are_roots_alone(
    serve: Callable[..., Service], network: Network, cloud: Machine, values: dict[str, str]
) -> None:
    service = serve("--network", network.name, *NET_ADMIN, **values).ready()
    for address in CREDENTIALS:
        service.run(f"ip route add {address} dev eth0")
        until(lambda at=address: connects(service, at, 80, user="root") == {80}, f"{address} answers root")  # type: ignore[misc]
        assert connects(service, address, 80) == set(), address


def test_who_may_connect_needs_no_token_and_a_server_sends_no_origin(
    serve: Callable[..., Service], network: Network
) -> None:
    service = serve("--network", network.name, *NET_ADMIN, PGEO_IPS=network.gateway, JUPYTER_TOKEN="").ready()
    assert "token=" not in service.logs()
    notebook = Notebook(f"http://{network.addresses(service)[0]}:8888")
    assert notebook.run("python3", "print(6 * 7)").stdout == "42\n"
    assert notebook.run("ir", "cat(6 * 7)").stdout == "42"
