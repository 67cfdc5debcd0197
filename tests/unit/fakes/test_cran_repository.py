from __future__ import annotations

import gzip
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.fakes import cran_repository
from tests.fakes.cran_repository import REAL_BSPM, build, description, write_source


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REAL_BSPM, raising=False)


def test_the_index_lists_every_tarball(tmp_path: Path) -> None:
    contrib = build(tmp_path / "cran", [write_source(tmp_path, "Mixed", "2.0", imports="bspm")])
    index = (contrib / "PACKAGES").read_text()
    assert gzip.decompress((contrib / "PACKAGES.gz").read_bytes()).decode() == index
    entries = [dict(line.split(": ", 1) for line in text.splitlines()) for text in index.split("\n\n")]
    assert {entry["Package"]: entry.get("Imports") for entry in entries} == {
        "Mixed": "bspm",
        "bspm": "tools, utils",
        "meldanative": "meldapure",
        "meldapure": None,
    }
    for entry in entries:
        assert (contrib / f"{entry['Package']}_{entry['Version']}.tar.gz").is_file()


def test_the_tarball_keeps_what_must_be_executable(tmp_path: Path) -> None:
    with tarfile.open(next(build(tmp_path).glob("bspm_*.tar.gz"))) as archive:
        modes = {member.name: member.mode for member in archive}
    assert modes["bspm/configure"] & modes["bspm/inst/service/bspm.py"] & 0o111 == 0o111


def test_the_real_bspm_is_served_in_place_of_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _tarball(tmp_path, "bspm", "0.5.8.1")
    monkeypatch.setenv(REAL_BSPM, str(given))
    contrib = build(tmp_path / "cran")
    assert [path.name for path in contrib.glob("bspm_*")] == ["bspm_0.5.8.1.tar.gz"]
    assert (contrib / "bspm_0.5.8.1.tar.gz").read_bytes() == given.read_bytes()
    assert "Package: bspm\nVersion: 0.5.8.1\n" in (contrib / "PACKAGES").read_text()


def test_another_package_is_not_taken_for_bspm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REAL_BSPM, str(_tarball(tmp_path, "other", "1.0")))
    with pytest.raises(ValueError, match=f"{REAL_BSPM}='.*given.tar.gz' is the package 'other', not bspm"):
        build(tmp_path / "cran")


@pytest.mark.parametrize("content", [None, b"no tarball"])
def test_what_is_no_tarball_is_refused(tmp_path: Path, content: bytes | None) -> None:
    tarball = tmp_path / "bspm.tar.gz"
    if content is not None:
        tarball.write_bytes(content)
    with pytest.raises(ValueError, match="bspm.tar.gz' is no tarball of an R source package"):
        description(tarball)


def _debian(folder: Path, name: str, kind: str, package: str, description: bytes) -> Path:
    """A tarball as Debian has it: its folder has any name."""
    top = folder / f"{name}-upstream"
    (top / "R").mkdir(parents=True)
    (top / "configure").write_text("#!/bin/sh\n")
    (top / "configure").chmod(0o755)
    if package:
        (top / "DESCRIPTION").write_bytes(b"Package: " + package.encode() + b"\nVersion: 1.2-3\n" + description)
    tarball = folder / f"r-cran-{name}_1.2-3.orig.tar.{kind}"
    with tarfile.open(tarball, "w:" + kind) as archive:  # type: ignore[call-overload]
        archive.add(top, top.name)
    return tarball


def test_debians_sources_are_served_under_rs_names(tmp_path: Path) -> None:
    contrib = build(tmp_path / "cran")
    tarballs = [
        _debian(tmp_path, "cmprsk", "xz", "cmprsk", b"Imports: survival\nNeedsCompilation: yes\n"),
        _debian(tmp_path, "rcolorbrewer", "gz", "RColorBrewer", "Maintainer: J\u00f6rg\n".encode("latin-1")),
        _debian(tmp_path, "not-r", "bz2", "", b""),
    ]
    assert cran_repository.add(contrib, tarballs) == ["cmprsk", "RColorBrewer"]
    index = (contrib / "PACKAGES").read_text()
    assert "Package: cmprsk\nVersion: 1.2-3\nImports: survival\nNeedsCompilation: yes\n" in index
    assert "Package: RColorBrewer\n" in index and "Package: bspm\n" in index
    assert description(contrib / "RColorBrewer_1.2-3.tar.gz")["Version"] == "1.2-3"
    with tarfile.open(contrib / "cmprsk_1.2-3.tar.gz") as archive:
        assert archive.getmember("cmprsk/configure").mode & 0o111 == 0o111


def test_a_source_that_would_write_elsewhere_is_not_unpacked(tmp_path: Path) -> None:
    contrib = build(tmp_path / "cran")
    with tarfile.open(tmp_path / "bad.orig.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(subprocess.CalledProcessError):
        cran_repository.add(contrib, [tmp_path / "bad.orig.tar.gz"])
    assert not (tmp_path / "outside").exists()


def test_continued_lines_of_a_description_are_one_value(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", "other", "1.0")
    (source / "DESCRIPTION").write_text("Package: other\nVersion: 1.0\nImports: a,\n    b (>= 1)\n")
    with tarfile.open(tmp_path / "given.tar.gz", "w:gz") as archive:
        archive.add(source, "other")
    assert description(tmp_path / "given.tar.gz")["Imports"] == "a, b (>= 1)"


def test_configure_changes_nothing_for_a_user(tmp_path: Path) -> None:
    """As a user, that is: with an ``id`` that says 1001 and a ``mkdir`` that tells on it."""
    script = (cran_repository.HERE / "bspm" / "configure").read_text()
    (tmp_path / "id").write_text("#!/bin/sh\necho 1001\n")
    (tmp_path / "id").chmod(0o755)
    (tmp_path / "mkdir").write_text(f"#!/bin/sh\ntouch {tmp_path}/made\n")
    (tmp_path / "mkdir").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "R_LIBRARY_DIR": "/lib"}
    subprocess.run(["sh"], input=script, env=environment, check=True, encoding="utf-8")
    assert not (tmp_path / "made").exists()


def _tarball(tmp_path: Path, name: str, version: str) -> Path:
    source = write_source(tmp_path / "source", name, version)
    path = tmp_path / "given.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(source, name)
    return path
