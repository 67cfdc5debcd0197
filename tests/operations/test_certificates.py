"""tasks/certificates.py: the site's certificate authorities, each in a file of its own, there and gone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import certifi
import pytest
from pyinfra.facts.files import FindFiles

from tasks import certificates
from tasks.facts.certificates import LackingAuthorities
from tasks.facts.files import MISSING, NO_FOLDER, FileContents, PathStats
from tasks.lib import given_files
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, in_place

TWO = [text.strip() + b"\n" for text in given_files.certificates_of(Path(certifi.where()).read_bytes())[:2]]
PATHS = [f"/usr/local/share/ca-certificates/melda-jupyter-{number}.crt" for number in (1, 2)]
FOLDER = "/usr/local/share/ca-certificates"
PENDING = f"{FOLDER}/.melda-jupyter.pending"
BEGIN = f"touch {PENDING}"
UPDATE = f"update-ca-certificates --fresh >/dev/null && rm -f {PENDING}"
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
    text = "A=1\n" + (block if paths else "")
    contents = {"/etc/environment": text}
    stats = in_place([*entries, ManagedFile("/etc/environment", text.encode())])
    return {FindFiles: paths, PathStats: stats, FileContents: lambda path: contents.get(path, "")}


def test_nothing_by_default(run: Run) -> None:
    assert run(certificates.certificates) == {}


def test_each_is_a_file_of_its_own(run: Run, bundle: str) -> None:
    commands = run(certificates.certificates, ca_certificates=bundle)
    assert [commands.uploads[path + ".melda-new"] for path in PATHS] == TWO
    assert commands[TRUST][0] == BEGIN and commands[TRUST][-1] == UPDATE
    assert b"REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n" in commands.uploads["/etc/environment.melda-new"]


@pytest.mark.parametrize("found", [MISSING, NO_FOLDER])
def test_their_folder_is_made_before_anything_is_put_there(run: Run, bundle: str, found: tuple[str, ...]) -> None:
    """Where there was none, the first run ended; where a file was in its place, each run."""
    commands = run(certificates.certificates, {PathStats: {FOLDER: found}}, ca_certificates=bundle)[TRUST]
    aside = [command for command in commands if command.startswith(f"mv -T {FOLDER} {FOLDER}.set-aside-")]
    assert commands[: len(aside) + 2] == [*aside, f"mkdir -m 755 {FOLDER}", BEGIN] and len(aside) == (
        found == NO_FOLDER
    )
    assert " ".join(commands).count(f"mkdir -m 755 {FOLDER}") == 1, "a second one fails"


def test_a_file_in_the_place_of_their_folder_is_nobodys_concern_without_any(run: Run) -> None:
    assert run(certificates.certificates, {PathStats: {FOLDER: NO_FOLDER}}) == {}


def test_a_folder_in_the_place_of_the_mark_is_set_aside(run: Run, bundle: str) -> None:
    """rm -f removes none: each run would end."""
    facts = there(PATHS)
    facts[PathStats] |= {PENDING: ("directory", "755", "root", "root")}
    aside, update = run(certificates.certificates, facts, ca_certificates=bundle)[TRUST]
    assert aside.startswith(f"mv -T {PENDING} ") and update == UPDATE


def test_already_there(run: Run, bundle: str) -> None:
    assert run(certificates.certificates, there(PATHS), ca_certificates=bundle) == {}


def test_one_less_and_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.pem"
    path.write_bytes(TWO[0])
    assert run(certificates.certificates, there(PATHS), ca_certificates=str(path)) == {
        TRUST: [BEGIN, "rm -f " + PATHS[1], UPDATE]
    }
    commands = run(certificates.certificates, there(PATHS))
    assert commands[TRUST] == [BEGIN, "rm -f " + " ".join(PATHS), UPDATE]
    assert commands.uploads["/etc/environment.melda-new"] == b"A=1\n"


def test_one_is_withdrawn_where_their_folder_is_a_link(run: Run, tmp_path: Path) -> None:
    """find does not go where a link leads to that it is given: it stayed trusted, and the run ended with 0."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / PATHS[0].rpartition("/")[2]).write_text("")
    (tmp_path / "link").symlink_to("real")

    def found(path: str, fname: str) -> list[str]:
        command = ["find", path.replace(FOLDER, f"{tmp_path}/link"), "-type", "f", "-name", fname]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return shown.replace(f"{tmp_path}/link", FOLDER).split()

    facts = there(PATHS[:1]) | {FindFiles: found}
    assert run(certificates.certificates, facts)[TRUST] == [BEGIN, "rm -f " + PATHS[0], UPDATE]


@pytest.mark.parametrize("paths", [PATHS, []])
def test_an_update_that_a_run_did_not_come_to_is_made_by_the_next(run: Run, bundle: str, paths: list[str]) -> None:
    facts = there(paths)
    facts[PathStats] |= in_place([ManagedFile(PENDING, b"")])
    assert run(certificates.certificates, facts, ca_certificates=bundle if paths else "")[TRUST] == [UPDATE]


@pytest.mark.parametrize("found", [{}, {"/etc/ssl/certs": MISSING}])
def test_the_systems_bundle_is_made_again_where_it_lacks_some(run: Run, found: dict[str, tuple[str, ...]]) -> None:
    """Else nothing that checks a certificate works, and no run says so."""
    commands = run(certificates.certificates, {LackingAuthorities: True, PathStats: found})
    assert commands == {TRUST: [*["mkdir -m 755 /etc/ssl/certs"] * len(found), UPDATE]}
