"""R packages come back at their versions: from apt, from copies, from sources; what cannot be had is said, the rest is there."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from melda.envs.restore import r
from melda.envs.restore.wanted import digest_of

from tests.fakes.serve import Server
from tests.unit.melda.envs.conftest import R, r_package
from tests.unit.melda.envs.r_machine import Machine, machine

__all__ = ["machine"]


def entry(name: str, version: str = "1.0", kind: str = "cran", **fields: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "source": {"type": kind}, **fields}


@pytest.fixture
def cran(machine: Machine) -> Any:
    """R's mirror answers."""
    with Server(machine.root / "cran") as server:
        machine.mirror(server.url)
        yield server


def test_apts_binary_takes_the_place_of_another_version_of_the_users_own(machine: Machine) -> None:
    machine.apt_has(zoo="1.8-11")
    r_package(machine.library, "zoo", "1.7")
    r_package(machine.library, "mine", "1.0")
    assert machine.install(entry("zoo", "1.8.11")) == {}
    assert machine.versions(machine.system) == {"zoo": "1.8-11"}
    assert machine.versions(machine.library) == {"mine": "1.0"}
    assert sorted(path.name for path in machine.library.iterdir()) == ["mine"], "nothing is left of it"
    assert machine.lines("compiled") == []


def test_what_apt_fails_to_install_is_made_from_source(machine: Machine, cran: Server) -> None:
    machine.apt_has(zoo="1.8", xts="0.13")
    machine.cran_has("zoo", "1.8")
    machine.apt_fails()
    failures = machine.install(entry("zoo", "1.8"), entry("xts", "0.13"))
    assert machine.versions(machine.library) == {"zoo": "1.8"}
    assert failures.keys() == {"xts"} and "answers 404" in failures["xts"]


def test_what_apt_installs_at_another_version_is_made_from_source(machine: Machine, cran: Server) -> None:
    machine.apt_has(zoo="1.8")
    r_package(machine.system, "zoo", "1.9")
    (machine.root / "apt" / "zoo" / "DESCRIPTION").unlink()
    machine.cran_has("zoo", "1.8")
    assert machine.install(entry("zoo", "1.8")) == {}
    assert machine.versions(machine.library) == {"zoo": "1.8"}


def test_a_package_is_compiled_after_what_it_needs(machine: Machine, cran: Server) -> None:
    machine.cran_has("aa", "1.0", "zz (>= 1.0), stats")
    machine.cran_has("mm", "1.0", "aa, there")
    machine.cran_has("zz", "1.0")
    assert machine.install(entry("aa"), entry("mm"), entry("zz"), there=("there",)) == {}
    assert machine.lines("compiled") == ["zz", "aa", "mm"]
    assert "mm 1.0: installing from source" in machine.out.getvalue()


def test_what_needs_a_package_that_cannot_be_had_is_not_tried_and_the_rest_is_there(
    machine: Machine, cran: Server
) -> None:
    machine.cran_has("bad", "1.0", broken=True)
    machine.cran_has("needs", "1.0", "bad, gone")
    machine.cran_has("far", "1.0", "needs")
    machine.cran_has("good", "1.0")
    failures = machine.install(*(entry(name) for name in ("bad", "far", "gone", "good", "needs")))
    assert "/Archive/gone/gone_1.0.tar.gz answers 404; " in failures.pop("gone")
    assert failures == {
        "bad": "R CMD INSTALL: x.c:1: error: no",
        "needs": "it needs bad, gone, which cannot be had",
        "far": "it needs needs, which cannot be had",
    }
    assert machine.versions(machine.library) == {"good": "1.0"}


def test_what_is_needed_besides_comes_through_apt(machine: Machine, cran: Server) -> None:
    machine.apt_has(Dep="3.0")
    machine.cran_has("zoo", "1.8", "Dep, nowhere")
    assert machine.install(entry("zoo", "1.8")) == {}
    assert machine.versions(machine.system) == {"Dep": "3.0"}
    assert "needed besides, through apt: Dep\n" in machine.out.getvalue()


def test_why_apt_did_not_bring_what_is_needed_besides_is_said_and_r_is_tried(machine: Machine, cran: Server) -> None:
    machine.apt_has(dep="3.0")
    machine.apt_fails()
    machine.cran_has("zoo", "1.8", "dep")
    assert machine.install(entry("zoo", "1.8")) == {}
    assert "not installed: E: broken\n" in machine.out.getvalue()


def copy(machine: Machine, name: str, version: str = "1.0", built: str = f"R{R}_x86_64") -> dict[str, Any]:
    """An entry whose installed package was kept."""
    path = machine.files / f"{name}_{version}_{built}.tar.gz"
    package = r_package(machine.root / "kept", name, version)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(package, name)
    return entry(name, version, "local", file={"name": path.name, "sha256": digest_of(str(path))})


def test_a_copy_that_was_kept_is_installed_if_it_is_of_this_r_and_unchanged(machine: Machine) -> None:
    good, other, changed = (
        copy(machine, "good"),
        copy(machine, "other", built="R3.6.0_x86_64"),
        copy(machine, "changed"),
    )
    wrong = {**copy(machine, "wrong", "1.0"), "version": "2.0"}
    (machine.files / changed["file"]["name"]).write_bytes(b"x")
    failures = machine.install(good, other, changed, wrong)
    assert "good" in machine.versions(machine.library)
    assert failures.keys() == {"other", "changed", "wrong"}
    assert failures["other"] == "the copy that was kept is for another R or machine: other_1.0_R3.6.0_x86_64.tar.gz"
    assert failures["changed"].endswith("its hash is another one")
    assert failures["wrong"].startswith("R CMD INSTALL: "), "R made another version of it"


@pytest.mark.parametrize(
    ("lock", "running", "left"),
    [("00LOCK-zoo", False, False), ("00LOCK", False, False), ("00LOCK-other", False, True), ("00LOCK-zoo", True, True)],
)
def test_what_was_cut_off_is_cleared_away_unless_somebody_installs(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, lock: str, running: bool, left: bool
) -> None:
    monkeypatch.setattr(r, "installs", lambda: running)
    machine.apt_has(zoo="1.8")
    (machine.library / lock).mkdir()
    assert machine.install(entry("zoo", "1.8")) == {}
    assert (machine.library / lock).exists() is left


def test_packages_of_either_kind_are_removed(machine: Machine) -> None:
    for library in (machine.library, machine.system):
        for name in ("zoo", "xts"):
            r_package(library, name, "1.0")
    machine.installer().remove([entry("zoo", kind="apt"), entry("xts")])
    assert machine.versions(machine.library) == {"zoo": "1.0"}
    assert machine.versions(machine.system) == {"xts": "1.0"}
    machine.installer().remove([entry("zoo")])
    assert machine.versions(machine.library) == {}


def test_the_nearest_version_of_cran_and_apt(machine: Machine, cran: Server) -> None:
    machine.cran_has("zoo", "1.5")
    machine.apt_has(zoo="1.8")
    installer = machine.installer()
    assert installer.nearest(entry("zoo", "1.6")) == "1.5"
    assert installer.nearest(entry("zoo", "1.9")) == "1.8"
    assert installer.nearest(entry("zoo", "1.9", "github")) == "", "a commit has no neighbours"
    assert installer.nearest(entry("zoo", "1.9", "local")) == "", "CRAN's is a stranger's"


def test_where_r_does_not_start_the_nearest_version_is_apts(machine: Machine) -> None:
    machine.apt_has(zoo="1.8")
    (machine.root / "bin" / "Rscript").write_text("#!/bin/sh\nexit 1\n")
    assert machine.installer().nearest(entry("zoo", "1.9")) == "1.8"
    assert machine.installer().nearest(entry("xts", "1.9")) == ""


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("R CMD INSTALL x", True), ("R --args tools:::.install_packages()", True), ("bash INSTALLED", False), ("", False),
    ],
)  # fmt: skip
def test_whoever_installs_is_seen(tmp_path: Path, command: str, found: bool) -> None:
    for name in ("self", "7", "8"):
        (tmp_path / name).mkdir()
    (tmp_path / "self" / "cmdline").write_bytes(b"R\0CMD\0INSTALL\0")
    (tmp_path / "8" / "cmdline").write_bytes(command.replace(" ", "\0").encode())
    assert r.installs(str(tmp_path)) is found
