"""builder/refresh.py: CRAN's downloads against the lists; a server in this process plays the statistics."""

from __future__ import annotations

import argparse
import errno
import json
import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import Mock

import pytest

from builder import refresh
from builder.errors import BuildError
from tests.fakes.background import Background


class Statistics:
    """What the service answers, and what it was asked for."""

    def __init__(self) -> None:
        self.code, self.body, self.asked = 200, b"", ""
        statistics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                statistics.asked = self.path
                self.send_response(statistics.code)
                self.end_headers()
                self.wfile.write(statistics.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/top/last-month/{{0}}"

    def secure(self, folder: Path) -> None:
        """Speak TLS from now on, with a certificate that only ``folder``'s ca.crt vouches for."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "ca.crt",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "ca.crt", folder / "key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def downloads(self, *names: str) -> None:
        entries = [{"package": name, "downloads": str(1000 - rank)} for rank, name in enumerate(names)]
        self.body = json.dumps({"start": "2026-10-01", "end": "2026-10-31", "downloads": entries}).encode()


@pytest.fixture
def statistics() -> Iterator[Statistics]:
    made = Statistics()
    with Background(made.server):
        yield made


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "r-core.txt").write_text("# core\n# tables\ndplyr\n")
    (tmp_path / "r-datascience.txt").write_text("# more\n# plots\nggplot2\nlattice # old\n")
    return tmp_path


def options(statistics: Statistics, *given: str) -> argparse.Namespace:
    return refresh.parser().parse_args(["--url", statistics.url, *given])


def test_the_difference_is_said_and_nothing_written(
    statistics: Statistics, lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statistics.downloads("rlang", "ggplot2", "dplyr", "cli")
    refresh.run(options(statistics, "--count", "4"), lists)
    assert statistics.asked == "/top/last-month/4"
    assert capsys.readouterr().out.splitlines() == [
        "2 of CRAN's 4 most downloaded packages are in the lists",
        "new, in no list: rlang cli",
        "in a list, and not among them (they stay): lattice",
    ]
    assert (lists / "r-datascience.txt").read_text() == "# more\n# plots\nggplot2\nlattice # old\n"


def test_what_is_new_is_added_once_under_its_reason(statistics: Statistics, lists: Path) -> None:
    statistics.downloads("rlang", "ggplot2", "cli")
    for _ in range(2):
        refresh.run(options(statistics, "--write"), lists)
    assert (lists / "r-datascience.txt").read_text() == (
        "# more\n# plots\nggplot2\nlattice # old\n# among CRAN's 3 most downloaded\nrlang\ncli\n"
    )
    assert sorted(path.name for path in lists.iterdir()) == ["r-core.txt", "r-datascience.txt"]


@pytest.mark.parametrize(
    ("code", "body", "line"),
    [
        (503, b"", "answers 503: --url names another place"),
        (204, b"", "answers 204"),
        (200, b"<html>", "no list of downloads"),
        (200, b"[1]", "no list of downloads"),
        (200, b'{"downloads": []}', "no list of packages"),
        (200, b'{"downloads": [{"package": "x; reboot"}]}', "no list of packages"),
        (200, b'{"downloads": [{"package": 3}]}', "no list of packages"),
    ],
)
def test_an_answer_that_is_none(statistics: Statistics, lists: Path, code: int, body: bytes, line: str) -> None:
    statistics.code, statistics.body = code, body
    with pytest.raises(BuildError, match=line):
        refresh.run(options(statistics, "--write"), lists)
    assert (lists / "r-datascience.txt").read_text().endswith("lattice # old\n")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/{0}", "http://user:secret@127.0.0.1:1/{0}"])
def test_nobody_answers(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["refresh", "--url", url])
    assert refresh.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not answer" in line and "--url names another place" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("count", "said"),
    [
        ("200", ["the service names 3, asked for 200", "1 of CRAN's 3 most downloaded packages are in the lists"]),
        ("2", ["0 of CRAN's 2 most downloaded packages are in the lists"]),
    ],
)
def test_what_counts_is_how_many_the_service_names(
    statistics: Statistics, lists: Path, capsys: pytest.CaptureFixture[str], count: str, said: list[str]
) -> None:
    """It keeps a hundred, and answers with those when it is asked for more."""
    statistics.downloads("rlang", "cli", "dplyr")
    refresh.run(options(statistics, "--count", count), lists)
    assert capsys.readouterr().out.splitlines()[: len(said)] == said


def test_a_package_that_is_told_twice_is_added_once(statistics: Statistics, lists: Path) -> None:
    statistics.downloads("rlang", "dplyr", "rlang")
    refresh.run(options(statistics, "--write"), lists)
    assert (lists / "r-datascience.txt").read_text().count("rlang") == 1


def test_a_list_that_cannot_be_written_stays(
    statistics: Statistics, lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics.downloads("rlang")
    monkeypatch.setattr("os.replace", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    before = sorted(lists.iterdir())
    with pytest.raises(BuildError, match="r-datascience.txt cannot be written: "):
        refresh.run(options(statistics, "--write"), lists)
    assert (lists / "r-datascience.txt").read_text().endswith("lattice # old\n") and sorted(lists.iterdir()) == before


def test_https_trusts_what_this_machine_is_told_to(
    statistics: Statistics, lists: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As behind a proxy that inspects TLS."""
    folder = tmp_path_factory.mktemp("tls")
    statistics.downloads("rlang")
    statistics.secure(folder)
    with pytest.raises(BuildError, match="does not answer .SSLError."):
        refresh.run(options(statistics), lists)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))
    refresh.run(options(statistics), lists)


@pytest.mark.parametrize("count", ["0", "1001", "-1", "many", "٣"])
def test_bad_counts(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        refresh.parser().parse_args(["--count", count])
    assert f"invalid --count={count!r}: expected a number from 1 to 1000" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["", "no address", "http://", "http://[/{0}", "file:///etc/passwd"])
def test_bad_addresses(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        refresh.parser().parse_args(["--url", url])
    assert ended.value.code == 2
    assert f"invalid --url={url!r}: expected an address such as https://" in capsys.readouterr().err
