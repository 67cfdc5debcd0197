"""tasks/packages.py: the sets, R's packages from apt, CRAN or left out."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from melda.base.paths import NOT_COMPILED, R_PACKAGES, SHARE
from pyinfra.api import DeployError
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.server import OsRelease

from tasks import packages
from tasks.facts.apt import KnownPackages, Reachable, ReverseDependencies
from tasks.facts.files import NO_FOLDER, FileContents, PathStats
from tasks.facts.r import PackageOrigins, RPackages
from tasks.facts.venv import Distributions
from tasks.lib import managed_files, omitted, staging
from tasks.lib.locks import pins
from tasks.operations.r import debian_name

from .conftest import FOCAL, Commands, Facts, Run, arguments

COMPILE = "Compile the R packages that are not available from apt"
LEFT_OUT = "Write which R packages are left out"
TELL = "Tell what is in no list any more"
CRAN = "https://cran.r-project.org"


def r_packages(chosen: str) -> set[str]:
    return {
        name
        for part in packages.up_to(chosen)
        for name in packages.names(managed_files.source(f"packages/r-{part}.txt"))
    }


def locked(chosen: str, version: str = "3.11") -> set[str]:
    return {
        f"{name}=={pin}"
        for part in packages.up_to(chosen)
        for name, pin in pins(managed_files.source(f"packages/locks/{part}-{version}.txt")).items()
    }


KNOWN = {debian_name(name) for name in r_packages("datascience")}


def listed(chosen: str, **more: set[str]) -> Facts:
    """The traces of a target on which the lists of a set are written down already."""
    return {PackageOrigins: {"listed": r_packages(chosen), **more}}


def python_step(chosen: str) -> str:
    return f"Install the Python packages of {chosen}"


def r_step(chosen: str) -> str:
    return f"Install the R packages of {chosen}"


@pytest.mark.parametrize(
    ("chosen", "parts"), [("none", []), ("core", ["core"]), ("datascience", ["core", "datascience"])]
)
def test_fresh(run: Run, chosen: str, parts: list[str]) -> None:
    commands = run(packages.packages, {KnownPackages: KNOWN}, packages=chosen)
    assert list(commands) == [python_step(part) for part in parts] + ([r_step(chosen), TELL] if parts else [])
    if parts:
        assert commands.uploads[R_PACKAGES + ".melda-new"].decode().splitlines() == sorted(r_packages(chosen))
        (install,) = commands[r_step(chosen)]
        assert set(arguments(install)) == {debian_name(name) for name in r_packages(chosen)}, "one transaction"


@pytest.mark.parametrize("chosen", packages.SETS)
def test_already_there(run: Run, chosen: str) -> None:
    done = {RPackages: r_packages(chosen), Distributions: locked(chosen)} | listed(chosen)
    assert run(packages.packages, done, packages=chosen) == {}


def test_one_more_in_a_list_brings_just_that(run: Run) -> None:
    half: Facts = {RPackages: r_packages("core") - {"dplyr"}, Distributions: locked("core"), KnownPackages: KNOWN}
    commands = run(packages.packages, half | listed("core"), packages="core")
    assert list(commands) == [r_step("core")]
    assert arguments(*commands[r_step("core")]) == ["r-cran-dplyr"]


def test_what_apt_takes_for_installed_and_r_does_not_find_is_installed_again(run: Run) -> None:
    """Else apt says that it has the newest, each run tries it again, and strict passes."""
    half: Facts = {
        RPackages: r_packages("core") - {"dplyr", "zoo"},
        Distributions: locked("core"),
        KnownPackages: KNOWN,
    }
    commands = run(packages.packages, half | listed("core") | {DebPackages: {"r-cran-dplyr"}}, packages="core")
    (command,) = commands[r_step("core")]
    assert " --reinstall install " in command and "r-cran-dplyr" in arguments(command)
    check = "( lacking=;" + command.partition("lacking=;")[2]
    done = subprocess.run(["sh", "-c", check], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("installed by apt, and not there for R: ")) == (1, True), check


def test_one_python_package_missing_in_one_set(run: Run) -> None:
    missing = sorted(locked("datascience") - locked("core"))[0]
    half: Facts = {RPackages: r_packages("datascience"), Distributions: locked("datascience") - {missing}}
    assert list(run(packages.packages, half | listed("datascience"))) == [python_step("datascience")]


GAPS = {"dplyr", "Rcpp"}
HALF: Facts = {
    RPackages: r_packages("core") - GAPS,
    Distributions: locked("core"),
    KnownPackages: {"r-cran-rcpp"},
    Reachable: True,
} | listed("core")
FAILED = f"R packages: dplyr (not available from apt, and from CRAN {CRAN} they could not be compiled)"


def compiled(commands: Commands) -> list[str]:
    """What is compiled, in order; nothing where that operation has no commands."""
    script = [command for command in commands.get(COMPILE, []) if "compile.R " in command]
    return script[0].partition(f"compile.R {CRAN} ")[2].partition(";")[0].split() if script else []


def test_what_apt_has_not_got_is_compiled_from_cran_and_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    commands = run(packages.packages, HALF, packages="core")
    (binary,) = commands[r_step("core")]
    assert arguments(binary) == ["r-cran-rcpp"]
    assert compiled(commands) == ["dplyr"]
    needs, known, _, install, compile_ = (
        commands[COMPILE][-1].partition(f"set -e; {staging.PREPARE_R}; ")[2].split(" )")[0].split("; ")[:5]
    )
    assert "apt-get" in install and install.endswith(" install $binary")
    for name in ("needs.R", "compile.R"):
        assert commands.uploads[f"/var/lib/melda-jupyter.provision/{name}"] == managed_files.source(f"packages/{name}")
    assert caplog.text.count("compiled, because not available from apt: dplyr") == 1


def test_what_is_in_the_place_of_the_reasons_is_set_aside(run: Run) -> None:
    """A file in the place of their folder ended each run, after the compilation; a folder in theirs swallowed them."""
    for path, found in ((NOT_COMPILED, ("directory", "755", "root", "root")), (SHARE, NO_FOLDER)):
        commands = run(packages.packages, HALF | {PathStats: {path: found}}, packages="core")[COMPILE]
        assert commands[0].startswith(f"mv -T {path} {path}.set-aside-")
        assert (commands[1] == f"mkdir -m 755 {path}") == (path == SHARE)


def test_what_could_not_be_compiled_is_left_out(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """The table says that it is not there, before the compilation as after it."""
    commands = run(packages.packages, HALF, packages="core")
    assert f"printf '%s\\n' '{FAILED}' >" in commands[LEFT_OUT][0]
    assert caplog.text.count(f"left out: {FAILED}") == 1
    strict = run(packages.packages, HALF, packages="core", strict=True)
    assert strict[LEFT_OUT] == [f"echo 'strict=True and R packages would be left out: {FAILED[12:]}' >&2; exit 1"]


@pytest.mark.parametrize(
    ("record", "settings", "again"),
    [
        (FAILED, {}, []),
        (FAILED.replace("dplyr", "Rcpp dplyr zoo"), {}, []),
        (FAILED, {"strict": True}, ["dplyr"]),
        (FAILED.replace("dplyr", "zoo"), {}, ["dplyr"]),
        (FAILED.replace("cran.r", "mirror.r"), {}, ["dplyr"]),
        (f"bspm{FAILED[10:]}", {}, ["dplyr"]),
        (f"R packages: dplyr (not available from apt, CRAN {CRAN} does not answer)", {}, ["dplyr"]),
    ],
)
def test_what_could_not_be_compiled_is_not_tried_at_each_run(
    run: Run, record: str, settings: dict[str, Any], again: list[str]
) -> None:
    commands = run(packages.packages, HALF | {FileContents: record + "\n"}, packages="core", **settings)
    assert compiled(commands) == again
    if record == FAILED and not settings:
        assert LEFT_OUT not in commands, "it is recorded already"


REASON = f"dplyr (not available from apt, CRAN {CRAN} does not answer)"
GONE: Facts = {
    RPackages: r_packages("core") - {"dplyr"},
    Distributions: locked("core"),
    KnownPackages: {"r-cran-rcpp"},
    Reachable: False,
} | listed("core")


@pytest.mark.parametrize(
    ("facts", "settings", "words"),
    [
        ({}, {}, f"printf '%s\\n' 'R packages: {REASON}' >"),
        ({FileContents: f"R packages: {REASON}\n"}, {}, None),
        ({FileContents: "R packages: zoo (old)\nbspm: x\n"}, {}, f"printf '%s\\n' 'R packages: {REASON}' 'bspm: x' >"),
        ({}, {"strict": True}, f"echo 'strict=True and R packages would be left out: {REASON}' >&2; exit 1"),
    ],
)
def test_where_cran_does_not_answer_either(run: Run, facts: Facts, settings: dict[str, Any], words: str | None) -> None:
    commands = run(packages.packages, GONE | facts, packages="core", **settings)
    if words is None:
        assert commands == {}
    else:
        assert list(commands) == [LEFT_OUT]
        assert words in commands[LEFT_OUT][0]


@pytest.mark.parametrize(
    ("chosen", "there"),
    [("core", {RPackages: r_packages("core")}), ("none", {}), ("core", {KnownPackages: KNOWN})],
)
def test_what_is_there_or_not_wanted_is_not_recorded_as_left_out(run: Run, chosen: str, there: Facts) -> None:
    facts = GONE | {FileContents: f"R packages: {REASON}\n"} | there
    commands = run(packages.packages, facts, packages=chosen)
    assert commands[LEFT_OUT] == [f"rm -f {omitted.PATH}"]


def test_where_apt_knows_nothing_that_is_no_reason_to_compile_or_leave_out(run: Run) -> None:
    commands = run(packages.packages, GONE | {KnownPackages: set()}, packages="core")
    assert commands[COMPILE] == [
        "echo 'apt knows no R package at all: expected its lists in /var/lib/apt/lists' >&2; exit 1"
    ]


def test_two_releases_in_one_run_each_get_their_lock(run_two: Any) -> None:
    bookworm = {OsRelease: {"version_codename": "bookworm"}, KnownPackages: KNOWN}
    both = run_two(packages.packages, bookworm, {OsRelease: FOCAL, KnownPackages: KNOWN})
    for commands, version in zip(both, ("3.11", "3.8"), strict=True):
        assert list(commands) == [python_step("core"), python_step("datascience"), r_step("datascience"), TELL]
        lock = commands.uploads["/var/lib/melda-jupyter.provision/lock.txt"]
        assert lock == managed_files.source(f"packages/locks/datascience-{version}.txt")


R_LEFT = "R packages in no list, still installed: {0}; `apt-get remove {0}`, or build the image again"
COMPILED_LEFT = "Compiled R packages in no list, still installed: {0}; `R CMD REMOVE {0}`, or build the image again"
PYTHON_LEFT = (
    "Python packages in no list, still installed: q; `/opt/jupyter/bin/pip uninstall q`, or build the image again"
)
APT = {"r-cran-zoo", "r-cran-ape"}


@pytest.mark.parametrize(
    ("dropped", "traces", "python_more", "said"),
    [
        (set(), {}, set(), []),
        ({"zoo", "ape"}, {"manual": APT}, set(), [R_LEFT.format("r-cran-ape r-cran-zoo")]),
        ({"zoo", "ape"}, {"manual": {"r-cran-ape"}}, set(), [R_LEFT.format("r-cran-ape")]),  # the base brought zoo
        ({"sp", "ape"}, {"manual": APT | {"r-cran-sp"}}, set(), [R_LEFT.format("r-cran-ape")]),  # sf needs sp
        ({"zoo", "ape"}, {"manual": APT, "user": {"r-cran-zoo"}}, set(), [R_LEFT.format("r-cran-ape")]),
        ({"zoo"}, {"manual": APT, "compiled": {"zoo", "bspm"}}, set(), [COMPILED_LEFT.format("zoo")]),
        (set(), {"manual": APT, "compiled": {"bspm"}}, set(), []),  # whoever provisions a machine installed them
        ({"IRkernel"}, {"manual": {"r-cran-irkernel"}}, set(), []),  # Jupyter's, in a list or not
        (set(), {}, {"q==1.0"}, [PYTHON_LEFT]),
    ],
)
@pytest.mark.parametrize("chosen", ["none", "core"])
def test_what_is_in_no_list_any_more_is_told_and_stays(
    run: Run,
    caplog: pytest.LogCaptureFixture,
    chosen: str,
    dropped: set[str],
    traces: dict[str, set[str]],
    python_more: set[str],
    said: list[str],
) -> None:
    facts: Facts = {
        RPackages: r_packages(chosen) | {"zoo", "ape", "sp", "IRkernel", "bspm"},
        # zoo is needed by ape, which is in no list either.
        ReverseDependencies: {
            "r-cran-ape": {"r-cran-ape"},
            "r-cran-zoo": {"r-cran-zoo", "r-cran-ape"},
            "r-cran-sp": {"r-cran-sp", "r-cran-sf"},
        },
        PackageOrigins: {"listed": r_packages(chosen) | dropped, **traces},
        Distributions: locked(chosen) | locked("none") | python_more,
    }
    assert run(packages.packages, facts, packages=chosen) == {}
    assert [record.message.strip() for record in caplog.records] == said


def test_what_is_gone_is_forgotten(run: Run) -> None:
    """Who installs it by hand later is not told that it is in no list."""
    facts: Facts = {RPackages: r_packages("core") | {"ape"}, Distributions: locked("core") | locked("none")}
    commands = run(
        packages.packages, facts | listed("core") | {PackageOrigins: {"listed": {"zoo", "ape"}}}, packages="core"
    )
    assert list(commands) == [TELL]
    written = commands.uploads[R_PACKAGES + ".melda-new"].decode().splitlines()
    assert written == sorted(r_packages("core") | {"ape"})


@pytest.mark.parametrize(
    "line", ["zoo ape", "zoo==1", "zoo;reboot", "$(reboot)", "1zoo", "r-cran-zoo", "z", "zoo.", "žoo"]
)
def test_what_is_no_name_stops_the_deploy_before_anything_changes(
    run: Run, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("tests.operations.conftest.run_ops", ran.append)
    monkeypatch.setattr(managed_files, "source", lambda path: f"# group\nzoo # good\n{line} # bad\n".encode())
    with pytest.raises(DeployError, match=re.escape(f"invalid line {line!r} in files/packages/r-core.txt: expected ")):
        run(packages.packages, packages="core")
    assert ran == []
