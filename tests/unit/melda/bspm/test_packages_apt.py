"""How apt is asked, and what becomes of its answers: by programs of apt's names that answer as told."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from melda.bspm import packages

Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """``program(name, text)``: a shell script in the place of a program of apt's; returns what lists its calls."""
    calls = tmp_path / "calls"
    calls.write_text("")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    # for Popen, which looks the program up here
    monkeypatch.setitem(packages.ENVIRONMENT, "PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(packages, "STAMP", str(tmp_path / "fetched"))
    monkeypatch.setattr(packages, "LISTS", str(tmp_path / "lists" / "*_Packages*"))

    def make(name: str, text: str) -> Path:
        (folder / name).write_text(f'#!/bin/sh\necho "$*" >> {calls}\n{text}\n')
        (folder / name).chmod(0o755)
        return calls

    return make


@pytest.fixture
def said() -> list[str]:
    """What the user is shown."""
    return []


def lists(folder: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists" / "deb.example_Packages").write_text("")


def test_only_r_packages_are_known(program: Program) -> None:
    program("apt-cache", "printf 'r-cran-zoo\\nr-base\\nr-bioc-limma\\nr-doc-html\\n'")
    assert packages.known() == {"r-cran-zoo", "r-bioc-limma"}


def test_what_was_removed_and_left_its_configuration_is_not_installed(program: Program) -> None:
    program("dpkg-query", "printf 'ii  r-cran-zoo\\nrc  r-cran-gone\\nhi  r-cran-held\\nun  r-cran-never\\n'")
    assert packages.installed() == {"r-cran-zoo", "r-cran-held"}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Reading...\nE: Unable to locate package x\nE: Broken\n", "Unable to locate package x; Broken"),
        ("first\nlast\n", "last"),
        ("", "no reason given"),
    ],
)
def test_a_failure_says_apts_own_reason(program: Program, output: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "output").write_text(output)
    program("apt-cache", f"cat {tmp_path}/output; exit 100")
    with pytest.raises(packages.Failed) as failed:
        packages.known()
    assert str(failed.value) == reason


def test_what_apt_says_is_shown_line_by_line_and_a_failure_is_one(program: Program, said: list[str]) -> None:
    program("apt-get", "echo Unpacking; echo 'E: no space left' >&2; exit 100")
    with pytest.raises(packages.Failed, match="^no space left$"):
        packages._run(said.append, "apt-get", "install", "x")
    assert said == ["Unpacking\n", "E: no space left\n"]
    said.clear()
    program("apt-get", "echo Done")
    packages._run(said.append, "apt-get", "install", "x")
    assert said == ["Done\n"]


def test_what_apt_runs_sees_no_variable_of_the_caller(
    program: Program, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APT_CONFIG", "/tmp/evil")
    program("apt-get", 'echo "${APT_CONFIG:-none} $DEBIAN_FRONTEND"')
    packages._run(said.append, "apt-get")
    assert said == ["none noninteractive\n"]


def test_young_lists_are_not_fetched_again(program: Program, said: list[str], tmp_path: Path) -> None:
    calls = program("apt-get", "")
    lists(tmp_path)
    (tmp_path / "fetched").touch()
    packages.refresh(said.append)
    assert (calls.read_text(), said) == ("", [])


@pytest.mark.parametrize("why", ["old", "from the future", "no stamp", "no lists"])
def test_other_lists_are_fetched_and_the_stamp_says_when(
    program: Program, said: list[str], tmp_path: Path, why: str
) -> None:
    calls = program("apt-get", "echo Hit:1")
    stamp = tmp_path / "fetched"
    if why != "no lists":
        lists(tmp_path)
    if why != "no stamp":
        age = {"old": packages.MAX_AGE + 60, "from the future": -600}.get(why, 0)
        stamp.touch()
        os.utime(stamp, (time.time() - age,) * 2)
    packages.refresh(said.append)
    assert calls.read_text() == "update --quiet\n"
    assert said == ["Fetching apt's package lists...\n"]
    assert abs(stamp.stat().st_mtime - time.time()) < 60


@pytest.mark.parametrize(
    "answer",
    ["echo 'W: Failed to fetch http://x  Could not resolve'", "echo 'E: Failed to fetch http://x' >&2; exit 100"],
)
def test_without_a_network_the_old_lists_have_to_do(
    program: Program, said: list[str], tmp_path: Path, answer: str
) -> None:
    program("apt-get", answer)
    packages.refresh(said.append)
    assert said[1].startswith("apt's package lists stay as they were: Failed to fetch http://x")
    assert not (tmp_path / "fetched").exists(), "the next call asks again"


def test_all_that_apt_has_is_listed_as_r_spells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def package(name: str, version: str, source: str, origin: str | None) -> SimpleNamespace:
        candidate = SimpleNamespace(version=version, source_name=source, origins=[SimpleNamespace(origin=origin)])
        return SimpleNamespace(name=name, candidate=candidate if version else None)

    module = ModuleType("apt")
    module.Cache = lambda: [  # type: ignore[attr-defined]
        package("r-cran-zoo", "1.8-12-1.ca2204.1", "zoo", "CRAN-Apt Builder"),
        package("r-cran-data.table", "1.14.8+dfsg-1", "r-cran-data.table", "Debian"),
        package("r-cran-rcpp", "1:1.0.10-1", "Rcpp", None),
        package("r-cran-gone", "", "", None),
        package("bash", "5.2-1", "bash", "Debian"),
        package("r-bioc-limma", "3.54.1+dfsg-1", "something-else", "Debian"),
    ]
    monkeypatch.setitem(sys.modules, "apt", module)
    assert packages.available() == [
        "zoo;1.8-12;CRAN-Apt_Builder",
        "data.table;1.14.8;Debian",
        "Rcpp;1.0.10;apt",
        "limma;3.54.1;Debian",
    ]
