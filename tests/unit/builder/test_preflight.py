"""builder/preflight.py: which sources answer, asked of servers on the build host, and the table that says it."""

from __future__ import annotations

import datetime
import socket
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from builder import preflight
from builder.errors import BuildError
from builder.preflight import Row, Source
from tasks.releases import RELEASES
from tests.fakes.background import Background

ASKED = preflight.Asked()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        closed = "closed" in self.path and self.headers["Authorization"] != "Basic " + b64encode(b"jo:secret").decode()
        self.send_response(401 if closed else 404 if "missing" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    with Background(server):
        yield f"http://127.0.0.1:{server.server_port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def source(url: str, needed: bool = False, name: str = "CRAN") -> Source:
    return Source(name, (url,), "bspm", needed, "left out: bspm")


def test_a_source_answers(url: str) -> None:
    assert preflight.problem(source(url), ASKED) == ""


def test_a_source_has_not_got_it(url: str) -> None:
    assert preflight.problem(source(url + "/missing"), ASKED) == f"{url}/missing answers 404"


def test_nobody_listens() -> None:
    down = f"http://127.0.0.1:{free_port()}"
    assert preflight.problem(source(down), ASKED) == f"{down} does not answer (ConnectionError)"


@pytest.mark.parametrize(
    ("name", "machine", "answers"),
    [
        ("apt", "machine http://127.0.0.1", True),
        ("r2u", "machine URL", True),
        ("apt", "machine URL/clo", True),
        ("apt", "machine URL/other", False),
        ("apt", "machine http://127.0.0.1/closed", False),
        ("apt", "machine 127.0.0.1", False),
        ("r2u", "machine 127.0.0.1", False),
        ("apt", "default", False),
        ("PyPI", "machine 127.0.0.1", True),
        ("PyPI", "default", True),
        ("PyPI", "machine http://127.0.0.1", False),
        ("CRAN", "machine 127.0.0.1", False),
        ("CRAN", "machine http://127.0.0.1", False),
        ("CRAN", "default", False),
    ],
)
def test_the_settings_passwords_are_given_as_the_build_gives_them(
    url: str, tmp_path: Path, name: str, machine: str, answers: bool
) -> None:
    """A mirror with a password was refused before each build, or got one that apt and R do not send (seen with apt 2.6)."""
    closed, file = source(url + "/closed", needed=True, name=name), tmp_path / "netrc"
    file.write_text(f"{machine.replace('URL', url)} login jo password secret\n")
    no = Row(closed, f"{url}/closed answers 401")
    assert preflight.check([closed], {"netrc": str(file)}) == [Row(closed, "") if answers else no]
    assert preflight.check([closed]) == [no]


def test_apt_takes_an_entry_without_a_scheme_for_https_alone() -> None:
    assert preflight.apt_takes("mirror.invalid", "https://mirror.invalid/debian")
    assert preflight.apt_takes("mirror.invalid/deb", "https://mirror.invalid/debian")
    assert not preflight.apt_takes("mirror.invalid:443", "https://mirror.invalid/debian")
    assert not preflight.apt_takes("http://mirror.invalid", "https://mirror.invalid/debian")
    assert not preflight.apt_takes("mirror.invalid", "http://mirror.invalid/debian")


@pytest.mark.parametrize("name", ["apt", "r2u", "PyPI", "CRAN"])
def test_the_build_hosts_own_netrc_is_not_read(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login jo password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    closed = source(url + "/closed", name=name)
    assert preflight.check([closed]) == [Row(closed, f"{url}/closed answers 401")]


def test_a_password_of_the_address_goes_before_the_netrcs(url: str, tmp_path: Path) -> None:
    """As pip and uv do."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password wrong\n")
    with_password = source(url.replace("//", "//jo:secret@") + "/closed", name="PyPI")
    assert preflight.check([with_password], {"netrc": f"{tmp_path}/netrc"}) == [Row(with_password, "")]


def test_the_environments_proxies_are_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in preflight.client.PROXIES:
        monkeypatch.delenv(name, raising=False)
    far = source("http://nowhere.invalid/")
    monkeypatch.setenv("http_proxy", url)
    assert preflight.check([far]) == [Row(far, "")]
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    (row,) = preflight.check([far])
    assert "does not answer" in row.problem


def test_the_settings_proxies_are_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in preflight.client.PROXIES:
        monkeypatch.delenv(name, raising=False)
    far = source("http://nowhere.invalid/")
    settings = {"http_proxy": url.removeprefix("http://")}
    assert preflight.check([far], settings) == [Row(far, "")]
    (row,) = preflight.check([far], settings | {"no_proxy": "nowhere.invalid"})
    assert "does not answer" in row.problem


@pytest.mark.parametrize("name", ["apt", "r2u"])
def test_apts_own_proxy_is_asked(url: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each build was refused where apt alone gets out, by its proxy."""
    for variable in preflight.client.PROXIES:
        monkeypatch.delenv(variable, raising=False)
    far, others = source("http://nowhere.invalid/", name=name), source("http://nowhere.invalid/")
    nobody = f"http://127.0.0.1:{free_port()}"
    by_apt, other = preflight.check([far, others], {"apt_proxy": url, "http_proxy": nobody})
    assert by_apt == Row(far, "")
    assert "does not answer (ProxyError)" in other.problem
    # As apt does (its methods/http.cc).
    (row,) = preflight.check([far], {"apt_proxy": url, "no_proxy": "nowhere.invalid"})
    assert "does not answer" in row.problem


def test_apts_own_proxy_is_asked_for_https_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(requests.Session, "get", lambda *_, **options: given.append(options["proxies"]))
    for name in preflight.client.PROXIES:
        monkeypatch.delenv(name, raising=False)
    # Of another program: no step of a build knows it, and each source was said not to answer.
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    for name in ("apt", "PyPI"):
        preflight.Asked(apt_proxy="http://cache:3142").get(name, "https://mirror.invalid/")
    assert given == [{"http": "http://cache:3142", "https": "http://cache:3142"}, {}]


def test_the_settings_certificates_are_trusted_beside_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ca", "more"):
        (tmp_path / name).write_text(name)
    settings = {"ca_bundle": f"{tmp_path}/ca"}
    with preflight.asked(settings) as how:
        assert how.verify == f"{tmp_path}/ca"
    with preflight.asked(settings | {"ca_certificates": f"{tmp_path}/more"}) as how:
        assert Path(how.verify).read_text().split() == ["ca", "more"]
    given = []
    monkeypatch.setattr(requests.Session, "get", lambda *_, **options: given.append(options["verify"]))
    how.get("PyPI", "https://index")
    assert given == [how.verify]


def test_a_certificate_that_nobody_knows_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    monkeypatch.setattr(requests.Session, "get", refuse)
    found = preflight.problem(source("https://index"), ASKED)
    assert found.startswith(
        "https://index does not answer (SSLError); a proxy that inspects TLS? SSL_CERT_FILE=FILE names "
    )


def test_every_url_of_a_source_counts(url: str) -> None:
    both = Source("apt", (url, url + "/missing"), "Debian", needed=True)
    assert "answers 404" in preflight.problem(both, ASKED)


def test_a_base_that_names_no_source() -> None:
    assert preflight.problem(Source("apt", (), "Debian", needed=True), ASKED) == "the base names no such source"


def test_no_password_is_shown() -> None:
    down = f"http://me:secret@127.0.0.1:{free_port()}/simple"
    assert "secret" not in preflight.problem(source(down), ASKED)
    assert preflight.shown("https://me:secret@example.org:8443/a") == "https://example.org:8443/a"


PRINTED = """\
'http://security.example.org/debian-security/dists/bookworm-security/InRelease' security.example.org_x_InRelease 0
'http://security.example.org/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' security.example.org_y 0
'http://deb.example.org/debian/dists/bookworm/InRelease' deb.example.org_z_InRelease 0
"""


def client(folder: Path, os_release: str) -> str:
    path = folder / "docker"
    path.write_text(f"""#!/bin/sh
case "$*" in
*os-release*) cat <<'END'
{os_release}
END
;;
*print-uris*) cat <<'END'
{PRINTED}END
;;
esac
""")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("os_release", "names"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm", ["apt", "PyPI", "CRAN"]),
        ('UBUNTU_CODENAME=focal\nVERSION_CODENAME="focal"', ["apt", "r2u", "PyPI", "CRAN"]),
    ],
)
def test_sources_are_those_of_the_bases_own_apt_and_release(tmp_path: Path, os_release: str, names: list[str]) -> None:
    docker = client(tmp_path, os_release)
    found = preflight.sources(docker, preflight.codename(docker, "base", "image"), "image")
    assert [source.name for source in found] == names
    assert found[0].urls == (
        "http://security.example.org/debian-security/dists/bookworm-security/InRelease",
        "http://deb.example.org/debian/dists/bookworm/InRelease",
    )
    assert [source.name for source in found if source.needed] == ["apt", "PyPI"]


@pytest.mark.parametrize("os_release", ["", "ID=alpine", "VERSION_CODENAME=sid"])
def test_a_base_without_a_row_is_refused(tmp_path: Path, os_release: str) -> None:
    with pytest.raises(BuildError, match="^invalid BASE=mine: expected a release of tasks/releases.py"):
        preflight.codename(client(tmp_path, os_release), "mine", "image")


def test_the_table_says_what_is_used_and_what_is_left_out() -> None:
    rows = [Row(Source("apt", (), "Debian 12 itself", True), ""), Row(source("http://c"), "http://c answers 404")]
    supported = preflight.support(RELEASES["bookworm"], datetime.date(2026, 1, 1))
    assert preflight.table("debian:bookworm", rows, supported).splitlines() == [
        "  source      answers  what follows",
        "  base image  yes      used: debian:bookworm, security updates until 2028-06-30",
        "  apt         yes      used for Debian 12 itself",
        "  CRAN        no       left out: bspm (http://c answers 404)",
    ]


def test_a_base_out_of_support_is_said() -> None:
    focal, last = RELEASES["focal"], datetime.date.fromisoformat(RELEASES["focal"].support_ends)
    assert preflight.support(focal, last) == "security updates until 2025-05-29"
    assert preflight.support(focal, last + datetime.timedelta(1)) == "NO security updates since 2025-05-29"


def test_what_is_needed_is_insisted_on() -> None:
    with pytest.raises(BuildError, match="^apt is needed and cannot be reached: it answers 500$"):
        preflight.require([Row(Source("apt", (), "", True), "it answers 500")], strict=False)


def test_strict_insists_on_everything() -> None:
    row = Row(source("http://c"), "http://c answers 404")
    preflight.require([row], strict=False)
    with pytest.raises(BuildError, match="^STRICT=1 and CRAN cannot be reached: http://c answers 404$"):
        preflight.require([row], strict=True)
