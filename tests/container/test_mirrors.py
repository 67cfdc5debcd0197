"""Closed networks: mirrors, proxy, index and certificates in a container, there and gone again; an image without a network."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builder import docker as client
from builder import image as images
from builder import mirror, reproducibility
from builder.settings import Settings
from tasks.releases import RELEASES
from tests.fakes import cran_repository
from tests.fakes.background import Background
from tests.fakes.serve import Server, gateway

from .machines import Machine, provision

IDLE = ("tail", "-f", "/dev/null")
STATE = (
    "cat /etc/apt/sources.list /etc/environment; ls /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/xdg /etc/xdg/*"
    " /etc/ssl/certs /usr/local/share/ca-certificates /usr/local/share/melda-jupyter;"
    " sha256sum /etc/ssl/certs/ca-certificates.crt"
)
PASSWORD = "canary-of-a-mirror"
CLOSED = "melda-test-closed:latest"
CLOSED_BASE = "melda-test-closed-base:latest"
OPEN, OPEN_BASE = "melda-test-open:latest", "melda-test-open-base:latest"
# docs/reproducibility.md; and R writes into a package when it was compiled.
KNOWN = ("var/cache/fontconfig/", "usr/local/lib/R/site-library/bspm/", "usr/local/share/melda-jupyter/image.json")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of a site."""
    folder = tmp_path_factory.mktemp("ca")
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=melda-test-site"]
    subprocess.run(
        [*command, "-keyout", str(folder / "key"), "-out", str(folder / "ca.pem")], check=True, capture_output=True
    )
    return folder / "ca.pem"


def test_settings_come_and_go(docker: str, image: str, machines: Callable[..., Machine], authority: Path) -> None:
    machine = machines(image, command=IDLE)
    host = f"@docker/{machine.name}"
    machine.run("apt-get -qq update")
    before = machine.run(STATE)
    original = machine.run("apt-get indextargets --format '$(SITE)' | sort -u").split()
    # The distribution's own hosts by another name, which only these settings can have brought.
    closed: dict[str, object] = {
        "apt_mirror": "http://deb.debian.org./debian",
        "apt_security_mirror": "http://deb.debian.org./debian-security",
        "pypi_index": "http://pypi.example.org/simple",
        "ca_certificates": authority,
        "packages": "core",
    }
    first = provision(docker, host, **closed)
    assert first.code == 0, first.output
    assert provision(docker, host, **closed).changed == []
    sites = machine.run("apt-get indextargets --format '$(SITE)' | sort -u").split()
    assert sites == ["http://deb.debian.org./debian", "http://deb.debian.org./debian-security"] != original
    assert machine.run("pip config list", user="melda").split() == [
        "global.cert='/etc/ssl/certs/ca-certificates.crt'",
        "global.index-url='http://pypi.example.org/simple'",
        "global.trusted-host='pypi.example.org'",
    ]
    machine.run("openssl verify -CApath /etc/ssl/certs /usr/local/share/ca-certificates/melda-jupyter-1.crt")
    assert authority.read_text().split("-----")[2].strip() in machine.run("cat /etc/ssl/certs/ca-certificates.crt")
    last = provision(docker, host, packages="core")
    assert last.code == 0, last.output
    assert machine.run(STATE) == before


def test_apt_goes_through_the_proxy(docker: str, image: str, machines: Callable[..., Machine], tmp_path: Path) -> None:
    machine = machines(image, command=IDLE)
    with Server(tmp_path, gateway(docker=docker)) as proxy:
        done = provision(docker, f"@docker/{machine.name}", packages="core", apt_proxy=proxy.url)
    # It answers nothing, and says what it was asked for: so apt asked it, and nobody else.
    assert done.code != 0 and "cannot be used" in done.output
    assert any("/dists/bookworm/InRelease" in path for _, path, _ in proxy.requests)


class _Guarded(BaseHTTPRequestHandler):
    """Has nothing, and says so only to who knows the password."""

    server: _Listener

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(f"jo:{PASSWORD}".encode()).decode()
        self.server.heard.append((self.path, known))
        self.send_response(404 if known else 401)
        self.send_header("WWW-Authenticate", "Basic realm=mirror")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    heard: list[tuple[str, bool]]


@pytest.fixture
def guarded(docker: str) -> Iterator[_Listener]:
    server = _Listener((gateway(docker=docker), 0), _Guarded)
    server.heard = []
    with Background(server):
        yield server


def test_a_mirrors_password_is_used_and_stays_nowhere(
    docker: str, image: str, machines: Callable[..., Machine], guarded: _Listener, tmp_path: Path
) -> None:
    machine = machines(image, command=IDLE)
    host, port = guarded.server_address[:2]
    url = f"http://{host!s}:{port}"
    # apt must be told that it may send it without TLS.
    (tmp_path / "netrc").write_text(f"machine {url} login jo password {PASSWORD}\n")
    done = provision(
        docker, f"@docker/{machine.name}", packages="core", apt_mirror=f"{url}/debian", netrc=tmp_path / "netrc"
    )
    assert done.code != 0 and f"The repository '{url}/debian bookworm" in done.output, done.output
    assert [path for path, known in guarded.heard if known and path == "/debian/dists/bookworm/InRelease"]
    assert PASSWORD not in done.output
    assert machine.run(f"grep -rlF {PASSWORD} /etc /home /opt /root /run /tmp /usr/local /usr/src /var || true") == ""


@pytest.mark.full
def test_an_image_without_a_network_is_the_same(docker: str, bases: dict[str, str], tmp_path: Path) -> None:
    """`make mirror`, then the build with --network none; its files are those of the build with a network."""
    base, found = "debian:bookworm", bases["bookworm"]
    names = (CLOSED, OPEN)
    cran_repository.build(tmp_path / "cran")
    try:
        with Server(tmp_path / "cran", gateway(docker=docker)) as cran:
            chosen = Settings(base, CLOSED, "none", "8888", strict=True, data={"cran_mirror": cran.url})
            folder = mirror.make(docker, base, found, RELEASES["bookworm"].python, chosen, tmp_path / "mirror")
            images.build(docker, base, found, replace(chosen, image=OPEN))
        # Nobody answers at the address any more.
        mirror.build(docker, replace(chosen, mirror=str(folder)))
        closed, opened = (reproducibility.listing(docker, name) for name in names)
        left_out = [client.inspect(docker, "image", name)["Config"]["Labels"]["io.melda.omitted"] for name in names]
    finally:
        for name in (*names, CLOSED_BASE, OPEN_BASE):
            subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)
    assert left_out == ["", ""]
    assert closed.keys() == opened.keys()
    assert any(path.startswith("usr/local/lib/R/site-library/bspm/") for path in closed), "compiled from its source"
    differing = reproducibility.differences(closed, opened)
    assert [path for path in differing if not path.startswith(KNOWN)] == []
