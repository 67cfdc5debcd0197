"""tasks/r2u.py: which repository which release gets, the key, the pin, and what happens where it does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import DeployError
from pyinfra.facts.deb import DebArch, DebPackages
from pyinfra.facts.server import OsRelease

from tasks import debian_packages, r2u
from tasks.facts.apt import AptState, AptStatus, Reachable, Upgradable
from tasks.facts.files import FileContents, PathStats
from tasks.lib import managed_files, omitted
from tasks.lib.managed_files import ManagedFile
from tasks.operations.apt import list_name
from tasks.releases import RELEASES

from .conftest import BOOKWORM, FOCAL, ROOT, Facts, Run, settings

ADD = "Add r2u's repository, its key and its pin"
ADD_R = "Add CRAN's repository with the R that r2u is built for"
UPGRADE = "Upgrade to r2u's packages"
INSTALL = "Install R, its kernel for Jupyter and jsonlite"
MIRROR = "https://r2u.stat.illinois.edu/ubuntu"
KEY = managed_files.source("r2u/dirk_eddelbuettel_key.asc")
LIST = "r2u.stat.illinois.edu_ubuntu_dists_focal_InRelease"


def release(codename: str) -> dict[str, str]:
    return {"id": "x", "version_codename": codename}


def entries(suite: str = "focal", architecture: str = "amd64") -> list[ManagedFile]:
    return [
        ManagedFile("/etc/apt/keyrings", mode="755"),
        ManagedFile(r2u.KEYRING, KEY),
        ManagedFile(r2u.PIN, managed_files.source("r2u/preferences")),
        ManagedFile(r2u.SOURCES, r2u.sources(MIRROR, suite, architecture, r2u.KEYRING, "main")),
    ]


ENTRIES = {entry.path: managed_files.expected(entry) for entry in entries()}
FETCHED = AptStatus(False, frozenset({LIST}), 60)
R = set(debian_packages.PACKAGES["r"])
FRESH: Facts = {OsRelease: FOCAL, Reachable: True}
DONE: Facts = {OsRelease: FOCAL, PathStats: ENTRIES, AptState: FETCHED, DebPackages: R}


def test_fresh(run: Run) -> None:
    commands = run(r2u.r2u, FRESH | {Upgradable: ["r-base-core"]})
    assert list(commands) == [ADD, UPGRADE, INSTALL]
    puts = [command for command in commands[ADD] if command.startswith("put ")]
    assert puts == [f"put {path}.melda-new" for path in (r2u.KEYRING, r2u.PIN, r2u.SOURCES)], "the sources file is last"
    assert commands.uploads[f"{r2u.KEYRING}.melda-new"] == KEY
    fetch = commands[ADD][-1]
    assert "Dir::Etc::sourcelist=sources.list.d/r2u.sources" in fetch, "nobody else's source is fetched"
    assert f"then rm -f {r2u.SOURCES};" in fetch, "a repository that cannot be used does not stay"
    assert all(f" {name}" in commands[INSTALL][0] for name in R)


def test_already_there(run: Run) -> None:
    assert run(r2u.r2u, DONE) == {}


SUITES = [
    ("focal", "amd64", "focal"), ("jammy", "amd64", "jammy"), ("noble", "amd64", "noble"), ("noble", "arm64", "noble"),
    ("resolute", "amd64", "resolute"), ("resolute", "arm64", "resolute"),
    ("focal", "arm64", None), ("jammy", "arm64", None), ("noble", "riscv64", None),
    ("bullseye", "amd64", None), ("bookworm", "amd64", None), ("trixie", "arm64", None),
]  # fmt: skip


@pytest.mark.parametrize(("codename", "architecture", "suite"), SUITES)
def test_each_release(run: Run, codename: str, architecture: str, suite: str | None) -> None:
    commands = run(r2u.r2u, {OsRelease: release(codename), DebArch: architecture, Reachable: True})
    if suite is None:
        assert list(commands) == [INSTALL]
        return
    assert commands.uploads[f"{r2u.SOURCES}.melda-new"].decode().splitlines()[1:] == [
        "Types: deb",
        f"URIs: {MIRROR}",
        f"Suites: {suite}",
        "Components: main",
        f"Architectures: {architecture}",
        "Signed-By: /etc/apt/keyrings/r2u.asc",
    ]


def test_every_release_is_in_the_table_above() -> None:
    assert {codename for codename, _, _ in SUITES} == set(RELEASES)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({OsRelease: BOOKWORM}, "r-cran-* packages play its part"),
        ({OsRelease: FOCAL, DebArch: "arm64"}, "for arm64"),
    ],
)
def test_where_there_is_no_r2u_the_log_says_so(
    run: Run, facts: Facts, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(r2u.logger, "info", said.append)
    run(r2u.r2u, facts)
    assert any(words in line for line in said)


def test_a_suite_can_be_chosen(run: Run) -> None:
    commands = run(r2u.r2u, {Reachable: True}, r2u_suite="jammy", r2u_mirror="http://mirror/r2u/")
    shown = commands.uploads[f"{r2u.SOURCES}.melda-new"].decode()
    assert "URIs: http://mirror/r2u/\nSuites: jammy\n" in shown


@pytest.mark.parametrize(
    ("present", "puts"),
    [
        ({r2u.KEYRING: ("file", "644", "root", "root", "0")}, [r2u.KEYRING]),
        ({r2u.PIN: ("file", "600", "root", "root", ENTRIES[r2u.PIN][-1])}, [r2u.PIN]),
        ({r2u.SOURCES: ("file", "644", "melda", "root", ENTRIES[r2u.SOURCES][-1])}, [r2u.SOURCES]),
    ],
)
def test_half_there_only_the_wrong_file_is_put(run: Run, present: dict[str, Any], puts: list[str]) -> None:
    commands = run(r2u.r2u, DONE | {PathStats: ENTRIES | present, Reachable: True})
    assert list(commands) == [ADD]
    assert [command for command in commands[ADD] if command.startswith("put ")] == [f"put {p}.melda-new" for p in puts]


def test_killed_before_the_list_was_fetched_it_is_fetched_now(run: Run) -> None:
    unfetched = AptStatus(False, frozenset({"mirror_dists_focal_InRelease"}), 60)
    commands = run(r2u.r2u, DONE | {AptState: unfetched, Reachable: True})
    assert list(commands) == [ADD] and len(commands[ADD]) == 1
    assert "apt-get" in commands[ADD][0]


RECORD = f"r2u: {MIRROR} does not answer"


def left_out(text: str) -> Any:
    return lambda path: text if path == omitted.PATH else ""


@pytest.mark.parametrize(
    ("facts", "settings", "commands"),
    [
        ({}, {}, [f"printf '%s\\n' '{RECORD}'"]),
        ({FileContents: left_out(f"{RECORD}\n")}, {}, None),
        ({FileContents: left_out("r2u: http://old does not answer\nother: x\n")}, {}, [f"'other: x' '{RECORD}'"]),
        ({}, {"strict": True}, [f"echo 'strict=True and r2u would be left out: {MIRROR} does not answer' >&2; exit 1"]),
        # Added, but killed before its list came: it would break every later apt-get update.
        ({PathStats: ENTRIES}, {}, [f"rm -f {r2u.SOURCES}", RECORD]),
        # apt looks at no folder, and rm -f would end each run.
        ({PathStats: {r2u.SOURCES: ("directory", "755", "root", "root")}}, {}, [RECORD]),
    ],
)
def test_where_it_does_not_answer(run: Run, facts: Facts, settings: dict[str, Any], commands: list[str] | None) -> None:
    ran = run(r2u.r2u, {OsRelease: FOCAL, Reachable: False, DebPackages: R} | facts, **settings)
    if commands is None:
        assert ran == {}
        return
    assert list(ran) == [ADD] and len(ran[ADD]) == len(commands)
    for words, command in zip(commands, ran[ADD], strict=True):
        assert words in command
    assert not ran.uploads


@pytest.mark.parametrize("facts", [DONE, FRESH])
def test_what_is_back_is_no_longer_recorded(run: Run, facts: Facts) -> None:
    commands = run(r2u.r2u, facts | {FileContents: f"{RECORD}\n"})
    assert commands[ADD][-1] == f"rm -f {omitted.PATH}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"r2u_fingerprint": "0" * 40},
            "invalid r2u_key='r2u/dirk_eddelbuettel_key.asc': expected the key with"
            f" r2u_fingerprint={'0' * 40}, it has AE89DB0EE10E60C01100A8F2A1489FE2AB99A21A",
        ),
    ],
)
def test_a_wrong_key_is_refused_before_anything(
    run: Run, settings: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("tests.operations.conftest.run_ops", ran.append)
    with pytest.raises(DeployError) as error:
        run(r2u.r2u, FRESH, **settings)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert ran == [], "no operation runs"


def test_rs_own_repository_comes_with_its_key_only(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "cran.asc"
    key.write_bytes(KEY)
    assert ADD_R not in run(r2u.r2u, FRESH)
    assert ADD_R not in run(r2u.r2u, {OsRelease: BOOKWORM, Reachable: True}, r_key=str(key))
    commands = run(r2u.r2u, FRESH, r_key=str(key))
    assert list(commands)[:2] == [ADD_R, ADD], "R before the packages that are built for it"
    shown = commands.uploads[f"{r2u.R_SOURCES}.melda-new"].decode()
    assert "Suites: focal-cran40/\n" in shown and "Components" not in shown, "a flat repository"
    assert f"Signed-By: {r2u.R_KEYRING}" in shown
    assert commands.uploads[f"{r2u.R_KEYRING}.melda-new"] == KEY


def test_the_pin_names_origin_and_label_on_one_line() -> None:
    lines = (ROOT / "files/r2u/preferences").read_text().splitlines()
    assert [line for line in lines if line.startswith("Pin")] == [
        "Pin: release o=CRAN-Apt Project,l=CRAN-Apt Packages",
        "Pin-Priority: 700",
    ]


def test_a_mirrors_lists_are_enough_without_a_network(run: Run) -> None:
    """`make mirror` brought them, checked; nothing answers, and r2u is used all the same."""
    listed = list_name(str(settings()["r2u_mirror"]), "focal") + "InRelease"
    state = AptStatus(False, frozenset({listed}), 60)
    commands = run(r2u.r2u, {OsRelease: FOCAL, AptState: state, Reachable: False}, mirror="/mirror")
    added = commands["Add r2u's repository, its key and its pin"]
    assert f"put {r2u.SOURCES}.melda-new" in added
    assert not [command for command in added if "apt-get" in command or "omitted" in command]
