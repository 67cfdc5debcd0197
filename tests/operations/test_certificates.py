"""tasks/certificates.py: the site's certificate authorities, each in a file of its own, there and gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import certifi
import pytest
from pyinfra.facts.files import FindFiles

from tasks import certificates
from tasks.facts.files import FileContents, PathStats
from tasks.lib import pem
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, in_place

TWO = [text.strip() + b"\n" for text in pem.split(Path(certifi.where()).read_bytes())[:2]]
PATHS = [f"/usr/local/share/ca-certificates/melda-jupyter-{number}.crt" for number in (1, 2)]
UPDATE = "update-ca-certificates --fresh >/dev/null"
TRUST = "Let the system trust the site's certificate authorities"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_bytes(b"# ours\r\n" + TWO[0].replace(b"\n", b"\r\n") + b"\nand\n" + TWO[1])
    return str(path)


def there(paths: list[str]) -> dict[type, Any]:
    entries = [ManagedFile(path, text) for path, text in zip(PATHS, TWO, strict=True) if path in paths]
    name = "melda-jupyter certificates"
    block = f"# BEGIN {name}\nREQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n# END {name}\n"
    return {FindFiles: paths, PathStats: in_place(entries), FileContents: "A=1\n" + (block if paths else "")}


def test_nothing_by_default(run: Run) -> None:
    assert run(certificates.certificates) == {}


def test_each_is_a_file_of_its_own(run: Run, bundle: str) -> None:
    commands = run(certificates.certificates, ca_certificates=bundle)
    assert [commands.uploads[path + ".melda-new"] for path in PATHS] == TWO
    assert commands[TRUST][-1] == UPDATE
    assert b"REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n" in commands.uploads["/etc/environment.melda-new"]


def test_already_there(run: Run, bundle: str) -> None:
    assert run(certificates.certificates, there(PATHS), ca_certificates=bundle) == {}


def test_one_less_and_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.pem"
    path.write_bytes(TWO[0])
    assert run(certificates.certificates, there(PATHS), ca_certificates=str(path)) == {
        TRUST: ["rm -f " + PATHS[1], UPDATE]
    }
    commands = run(certificates.certificates, there(PATHS))
    assert commands[TRUST] == ["rm -f " + " ".join(PATHS), UPDATE]
    assert commands.uploads["/etc/environment.melda-new"] == b"A=1\n"
