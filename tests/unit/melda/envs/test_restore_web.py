"""Fetching from addresses that anybody wrote: to the web alone, at each redirection, and for the connection that is made."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from melda.envs import addresses
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import sources, web

from tests.fakes.background import Background

NAMES = ("files.example", "other.example")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of these names, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(1)
    )
    made = made.add_extension(names, False).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*private))
    return folder / "cert.pem", folder / "key.pem"


class Answers(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_GET(self) -> None:
        self.server.seen.append((self.headers["Host"], self.path))  # type: ignore[attr-defined]
        kind, _, rest = self.path[1:].partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
        elif kind == "slow":
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx" if rest == "body" else b"HTTP/1.1 200 OK\r\nX: "
            )
            self.server.done.wait(30)  # type: ignore[attr-defined]
        else:
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"here")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


class Host(Background):
    """A server of https, that notes which name it was asked for."""

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.listener.seen, self.listener.done = [], threading.Event()  # type: ignore[attr-defined]
        self.names: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True)
        super().__init__(self.listener)
        self.port = self.listener.server_address[1]

    @property
    def seen(self) -> list[tuple[str, str]]:
        return self.listener.seen  # type: ignore[attr-defined, no-any-return]


class Names:
    """What names lead to: an answer after the other; the last one stays."""

    def __init__(self, **leads: list[list[str]]) -> None:
        self.leads, self.asked = leads, []

    def __call__(self, host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.leads[host.partition(".")[0]]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in found]


@pytest.fixture
def host(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Listens at 127.0.0.1, which stands for an address of the web; 127.0.0.2 does not."""
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    real = addresses.is_public
    monkeypatch.setattr(addresses, "is_public", lambda one: str(one) == "127.0.0.1" or real(one))
    with Host(certificate) as found:
        yield found
        found.listener.done.set()  # type: ignore[attr-defined]


def leads(monkeypatch: pytest.MonkeyPatch, **given: list[list[str]]) -> Names:
    names = Names(**given)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


def refused(url: str, path: Path) -> str:
    with pytest.raises(PackageUnavailable) as failed:
        sources.fetch(url, str(path / "x"))
    assert list(path.iterdir()) == []
    return str(failed.value)


def test_a_file_is_had_from_the_address_that_was_looked_at(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that gives another answer the second time is not asked a second time."""
    names = leads(monkeypatch, files=[["127.0.0.1"], ["127.0.0.2"]])
    sources.fetch(f"https://files.example:{host.port}/x", str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == b"here" and names.asked == ["files.example"]
    assert host.names == ["files.example"] and host.seen == [(f"files.example:{host.port}", "/x")]


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.2"], ["10.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fe80::1%eth0"],
        ["64:ff9b::a9fe:a9fe"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "fd00::1"],
    ],
)  # fmt: skip
def test_a_name_that_leads_out_of_the_web_is_not_connected_to(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    leads(monkeypatch, files=[found])
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("connected"))
    output = refused(f"https://files.example:{host.port}/x", tmp_path)
    assert "files.example leads to " in output and output.endswith("which is not in the web")
    assert host.seen == []


def test_the_real_machine_is_not_connected_to(tmp_path: Path) -> None:
    """Nothing is put in place of anything: a listener at 127.0.0.1 hears nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0)
        for name in ("127.0.0.1", "localhost", "%31%32%37.0.0.1", "127.1", "[::ffff:127.0.0.1]"):
            refused(f"https://{name}:{listener.getsockname()[1]}/x", tmp_path)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("https://other.example:{port}/x", "other.example leads to 127.0.0.2, which is not in the web"),
        ("http://files.example:{port}/x", "expected https"), ("https://127.0.0.1/x", "is not in the web"),
        ("https://%31%32%37.0.0.1/x", "is no host"), ("file:///etc/passwd", "answers 302"),
        ("https://u:S3cr@files.example/x", "user name or password"),
        ("https://files.example:{port}/to/https://files.example:{port}/y", "leads to 127.0.0.2"),
    ],
)  # fmt: skip
def test_a_redirection_is_looked_at_as_the_first(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, words: str
) -> None:
    leads(monkeypatch, files=[["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]], other=[["127.0.0.2"]])
    output = refused(f"https://files.example:{host.port}/to/{to.format(port=host.port)}", tmp_path)
    assert words in output and "S3cr" not in output


def test_redirections_are_followed_a_few_times(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = leads(monkeypatch, files=[["127.0.0.1"]], other=[["127.0.0.1"]])
    begin = f"https://files.example:{host.port}/to/"
    sources.fetch(f"{begin}https://other.example:{host.port}/x?t=1", str(tmp_path / "x"))
    assert names.asked == ["files.example", "other.example"] and host.names == names.asked
    (tmp_path / "x").unlink()
    assert "answers 302" in refused(begin * 8 + f"https://files.example:{host.port}/x", tmp_path)
    assert len(host.seen) <= 2 + web.REDIRECTIONS + 1


@pytest.mark.parametrize("where", ["body", "head"])
def test_one_that_sends_a_byte_now_and_then_has_a_deadline(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    leads(monkeypatch, files=[["127.0.0.1"]])
    monkeypatch.setattr(web, "DEADLINE", 0.3)
    assert "takes longer than" in refused(f"https://files.example:{host.port}/slow/{where}", tmp_path)


def test_a_certificate_of_another_name_is_refused(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leads(monkeypatch, third=[["127.0.0.1"]])
    assert "CERTIFICATE_VERIFY_FAILED" in refused(f"https://third.example:{host.port}/x", tmp_path)


def test_behind_a_proxy_the_proxy_resolves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def proxy() -> None:
            one, _ = listener.accept()
            with one:
                asked.append(one.recv(1000))
                one.sendall(b"HTTP/1.1 403 no\r\n\r\n")

        thread = threading.Thread(target=proxy, daemon=True)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert "403" in refused("https://files.example/x", tmp_path)
        thread.join(10)
    assert asked[0].startswith(b"CONNECT files.example:443 ")


def test_an_answer_comes_from_the_second_address_where_the_first_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "is_public", lambda one: True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        leads(monkeypatch, files=[["127.0.0.3", "127.0.0.1"]])
        with web.connected("files.example", listener.getsockname()[1], 5) as one:
            assert one.getpeername()[0] == "127.0.0.1"
        leads(monkeypatch, files=[["127.0.0.3"]])
        with pytest.raises(ConnectionRefusedError):
            web.connected("files.example", listener.getsockname()[1], 5)
    leads(monkeypatch, files=[[]])
    with pytest.raises(OSError, match="leads nowhere"):
        web.connected("files.example", 1, 5)


def test_proxies_and_authorities_are_those_of_the_installers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.os, "environ", {"no_proxy": "mine"})
    web.adopt({"https_proxy": "a", "no_proxy": "b", "SSL_CERT_FILE": "c", "OTHER": "d"})
    assert web.os.environ == {"https_proxy": "a", "no_proxy": "mine", "SSL_CERT_FILE": "c"}
