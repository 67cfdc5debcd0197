"""tasks/packages.py: the sets, R's packages from apt, CRAN or left out."""

from __future__ import annotations

from typing import Any

import pytest

from tasks import packages
from tasks.lib import files, omitted, python
from tasks.lib.apt import Answers, KnownPackages
from tasks.lib.files import Text
from tasks.lib.python import Distributions
from tasks.lib.release import OsRelease

from .conftest import FOCAL, Facts, Run, arguments

COMPILE = "Compile the R packages that apt has not got"
CRAN = "https://cran.r-project.org"


def r(chosen: str) -> set[str]:
    return {name for part in packages.up_to(chosen) for name in packages.names(files.source(f"packages/r-{part}.txt"))}


def locked(chosen: str, version: str = "3.11") -> set[str]:
    return {
        f"{name}=={pin}"
        for part in packages.up_to(chosen)
        for name, pin in python.pins(files.source(f"packages/locks/{part}-{version}.txt")).items()
    }


KNOWN = {packages.debian_name(name) for name in r("datascience")}


def python_step(chosen: str) -> str:
    return f"Install the Python packages of {chosen}"


def r_step(chosen: str) -> str:
    return f"Install the R packages of {chosen}"


@pytest.mark.parametrize(
    ("chosen", "parts"), [("none", []), ("core", ["core"]), ("datascience", ["core", "datascience"])]
)
def test_fresh(run: Run, chosen: str, parts: list[str]) -> None:
    commands = run(packages.packages, {KnownPackages: KNOWN}, packages=chosen)
    assert list(commands) == [python_step(part) for part in parts] + ([r_step(chosen)] if parts else [])
    if parts:
        (install,) = commands[r_step(chosen)]
        assert set(arguments(install)) == {packages.debian_name(name) for name in r(chosen)}, "one transaction"


@pytest.mark.parametrize("chosen", packages.SETS)
def test_already_there(run: Run, chosen: str) -> None:
    done: Facts = {packages.RPackages: r(chosen), Distributions: locked(chosen)}
    assert run(packages.packages, done, packages=chosen) == {}


def test_one_more_in_a_list_brings_just_that(run: Run) -> None:
    half: Facts = {packages.RPackages: r("core") - {"dplyr"}, Distributions: locked("core"), KnownPackages: KNOWN}
    commands = run(packages.packages, half, packages="core")
    assert list(commands) == [r_step("core")]
    assert arguments(*commands[r_step("core")]) == ["r-cran-dplyr"]


def test_one_python_package_missing_in_one_set(run: Run) -> None:
    missing = sorted(locked("datascience") - locked("core"))[0]
    half: Facts = {packages.RPackages: r("datascience"), Distributions: locked("datascience") - {missing}}
    assert list(run(packages.packages, half)) == [python_step("datascience")]


def test_what_apt_has_not_got_is_compiled_from_cran_and_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    gaps = {"dplyr", "Rcpp"}
    facts: Facts = {
        packages.RPackages: r("core") - gaps,
        Distributions: locked("core"),
        KnownPackages: {"r-cran-rcpp"},
        Answers: True,
    }
    commands = run(packages.packages, facts, packages="core")
    (binary,) = commands[r_step("core")]
    assert arguments(binary) == ["r-cran-rcpp"]
    assert "compiled, because apt has not got them: dplyr" in caplog.text
    (compiled,) = commands[COMPILE]
    assert compiled == (
        "( set -e; rm -rf /usr/local/lib/R/site-library/00LOCK*; Rscript --vanilla"
        f' -e \'p <- c("dplyr"); install.packages(p, repos="{CRAN}", Ncpus=parallel::detectCores())\''
        " -e 'for (x in p) loadNamespace(x)' )"
    )


REASON = f"dplyr (apt has not got them, CRAN {CRAN} does not answer)"
GONE: Facts = {packages.RPackages: r("core") - {"dplyr"}, Distributions: locked("core"), Answers: False}


@pytest.mark.parametrize(
    ("facts", "settings", "words"),
    [
        ({}, {}, f"printf '%s\\n' 'R packages: {REASON}' >"),
        ({Text: f"R packages: {REASON}\n"}, {}, None),
        ({Text: "R packages: zoo (old)\nbspm: x\n"}, {}, f"printf '%s\\n' 'R packages: {REASON}' 'bspm: x' >"),
        ({}, {"strict": True}, f"echo 'strict=True and R packages would be left out: {REASON}' >&2; exit 1"),
    ],
)
def test_where_cran_does_not_answer_either(run: Run, facts: Facts, settings: dict[str, Any], words: str | None) -> None:
    commands = run(packages.packages, GONE | facts, packages="core", **settings)
    if words is None:
        assert commands == {}
    else:
        assert list(commands) == [COMPILE]
        assert words in commands[COMPILE][0]


@pytest.mark.parametrize(
    ("chosen", "there"),
    [("core", {packages.RPackages: r("core")}), ("none", {}), ("core", {KnownPackages: KNOWN})],
)
def test_what_is_there_or_not_wanted_is_not_recorded_as_left_out(run: Run, chosen: str, there: Facts) -> None:
    facts = GONE | {Text: f"R packages: {REASON}\n"} | there
    commands = run(packages.packages, facts, packages=chosen)
    assert commands[COMPILE] == [f"rm -f {omitted.PATH}"]


def test_two_releases_in_one_run_each_get_their_lock(run_two: Any) -> None:
    bookworm = {OsRelease: {"VERSION_CODENAME": "bookworm"}, KnownPackages: KNOWN}
    both = run_two(packages.packages, bookworm, {OsRelease: FOCAL, KnownPackages: KNOWN})
    for commands, version in zip(both, ("3.11", "3.8"), strict=True):
        assert list(commands) == [python_step("core"), python_step("datascience"), r_step("datascience")]
        lock = commands.uploads["/tmp/melda-jupyter.provision/lock.txt"]
        assert lock == files.source(f"packages/locks/datascience-{version}.txt")


@pytest.mark.parametrize(
    ("chosen", "more", "said"),
    [
        (set(), set(), []),
        ({"r-cran-irkernel", "r-cran-docopt"}, set(), []),
        (
            {"r-cran-zoo", "r-cran-ape"},
            set(),
            [
                "R packages in no list, still installed: r-cran-ape r-cran-zoo; `apt-get remove r-cran-ape r-cran-zoo`, "
                "or build the image anew"
            ],
        ),
        (
            set(),
            {"emoji==1.0"},
            [
                "Python packages in no list, still installed: emoji; `/opt/jupyter/bin/pip uninstall emoji`, "
                "or build the image anew"
            ],
        ),
    ],
)
def test_what_is_in_no_list_any_more_is_told_and_stays(
    run: Run, caplog: pytest.LogCaptureFixture, chosen: set[str], more: set[str], said: list[str]
) -> None:
    facts: Facts = {
        packages.RPackages: r("core"),
        packages.Chosen: chosen | {packages.debian_name(name) for name in r("core")},
        Distributions: locked("core") | locked("none") | more,
    }
    assert run(packages.packages, facts, packages="core") == {}
    assert [record.message.strip() for record in caplog.records] == said
