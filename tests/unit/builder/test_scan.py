"""make scan: what is asked, of a stand-in for osv.dev, and what a scan that could not ask is: no clean one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from builder import __main__, sbom, scan
from builder.errors import BuildError
from builder.scan import Package
from tests.fakes.background import Background

HOLES = {("Debian:12", "openssl"): ["DSA-1", "DSA-2"], ("PyPI", "flask"): ["PYSEC-1"]}


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[dict[str, Any]]]]:
    """A stand-in that knows HOLES, gives one of them a page, and lists the batches it was asked."""
    asked: list[list[dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            asked.append(queries)
            results = []
            for query in queries:
                names = HOLES.get((query["package"]["ecosystem"], query["package"]["name"]), [])
                page = int(query.get("page_token", "0"))
                more = {"next_page_token": str(page + 1)} if page + 1 < len(names) else {}
                results.append({"vulns": [{"id": name} for name in names[page : page + 1]], **more} if names else {})
            body = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setattr(scan, "URL", f"http://127.0.0.1:{server.server_port}")
    with Background(server):
        yield asked


@pytest.mark.parametrize(
    ("purl", "package"),
    [
        ("pkg:pypi/Flask@3.0.0", Package("PyPI", "flask", "3.0.0")),
        ("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&upstream=openssl&distro=debian-12",
         Package("Debian:12", "openssl", "3.0.11-1~deb12u2")),
        ("pkg:deb/debian/gcc-12-base@12.2.0-14?upstream=gcc-12%4012.2.0-14&distro=debian-12",
         Package("Debian:12", "gcc-12", "12.2.0-14")),
        ("pkg:deb/ubuntu/bash@5.0-6ubuntu1.2?arch=amd64&distro=ubuntu-20.04",
         Package("Ubuntu:20.04:LTS", "bash", "5.0-6ubuntu1.2")),
        ("pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?distro=debian-12", Package("Debian:12", "tzdata", "2024a-0+deb12u1")),
        ("pkg:cran/zoo@1.8", None), ("pkg:generic/python@3.11", None), ("", None), ("no purl", None),
    ],
)  # fmt: skip
def test_a_purl_as_osv_asks_for_it(purl: str, package: Package | None) -> None:
    assert scan.of_purl(purl) == package


def test_pages_and_batches(osv: list[list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "BATCH", 2)
    openssl, flask = Package("Debian:12", "openssl", "3"), Package("PyPI", "flask", "1")
    others = {Package("PyPI", f"p{number}", "1") for number in range(3)}
    assert scan.holes({openssl, flask, *others}) == {openssl: {"DSA-1", "DSA-2"}, flask: {"PYSEC-1"}}
    assert [len(batch) for batch in osv] == [2, 2, 2]


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a lock, and an image with a bill of materials."""
    lock = tmp_path / "requirements" / "build.txt"
    lock.parent.mkdir()
    lock.write_text("flask==1.0 \\\n    --hash=sha256:0\nrequests==2.0 ; python_version < '4'\n")
    bill = tmp_path / "melda.cdx.json"
    purls = ["pkg:pypi/flask@1.0", "pkg:deb/debian/openssl@3?distro=debian-12", "pkg:cran/zoo@1"]
    bill.write_text(json.dumps({"components": [{"purl": purl} for purl in purls] + [{}]}))
    monkeypatch.setattr(sbom, "path", lambda _: bill)
    return tmp_path


def test_the_report(osv: list[list[dict[str, Any]]], image: Path) -> None:
    text, clean = scan.report("melda:1", image)
    assert not clean and text.splitlines() == [
        "2 with known holes, of 2 packages of melda:1, 2 of the locks",
        "  openssl 3  DSA-1, DSA-2  (melda:1)",
        "  flask 1.0  PYSEC-1  (melda:1, requirements/build.txt)",
    ]
    (image / "requirements" / "build.txt").write_text("")
    (image / "melda.cdx.json").write_text('{"components": []}')
    assert scan.report("melda:1", image) == ("no known holes: 0 packages of melda:1, 0 of the locks", True)


@pytest.mark.parametrize("bill", ["", "{}", '{"components": [1]}'])
def test_no_bill_of_materials(image: Path, bill: str) -> None:
    (image / "melda.cdx.json").write_text(bill)
    with pytest.raises(BuildError, match="^invalid IMAGE=melda:1: expected one whose bill of materials is at"):
        scan.report("melda:1", image)


def test_nobody_answers(image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(scan, "URL", "http://127.0.0.1:9")
    monkeypatch.setattr("sys.argv", ["builder", "scan", "--image", "melda:1"])
    assert __main__.main() == 2
    assert "known holes cannot be asked for: http://127.0.0.1:9 does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("clean", [True, False])
def test_the_exit_code(monkeypatch: pytest.MonkeyPatch, clean: bool) -> None:
    monkeypatch.setattr(scan, "report", lambda _: ("said", clean))
    monkeypatch.setattr("sys.argv", ["builder", "scan"])
    assert __main__.main() == (0 if clean else 1)


def test_the_locks_of_this_repository_are_found() -> None:
    found = scan.of_locks()
    assert len(found) > 200 and any(package.name == "numpy" for package in found)
