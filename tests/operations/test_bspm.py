"""tasks/bspm.py: from CRAN as root, enabled once, left out where CRAN does not answer."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.facts.deb import DebPackages

from tasks import bspm, debian_packages
from tasks.facts.apt import Reachable
from tasks.facts.files import FileContents, PathStats
from tasks.facts.r import RPackages
from tasks.lib import managed_files, omitted, staging
from tasks.lib.managed_files import ManagedFile

from . import conftest
from .conftest import Facts, Run, arguments

NEEDS = set(debian_packages.PACKAGES["bspm"] + debian_packages.PACKAGES["r"])
APT, MIRROR, INSTALL = "Install what bspm needs at run time", "Set the CRAN mirror", "Install bspm from CRAN"
ENABLE, SERVE = "Enable bspm for every R session", "Put our service in the place of bspm's"
PROGRAMS, SHOW = (
    "Install install.packages() for notebooks",
    "Let notebooks show what install.packages() does",
)
REMOVE = "Let remove.packages() remove what came through apt"
CRAN = "https://cran.r-project.org"
SCRIPT = staging.FOLDER + "/bspm.R"
MIRROR_BLOCK = (
    "# BEGIN melda-jupyter cran\n"
    f'local({{ r <- getOption("repos"); r["CRAN"] <- "{CRAN}"; options(repos = r) }})\n'
    "# END melda-jupyter cran\n"
)
SHOWN = (
    "# BEGIN melda-jupyter notebook\n"
    'try(source("/usr/src/melda-jupyter/install_packages.R", local = TRUE), silent = TRUE)\n'
    "# END melda-jupyter notebook\n"
)
BLOCK = managed_files.source("bspm/Rprofile.R").decode().replace("@SRC@", "/usr/src/melda-jupyter")
ENABLED = f"# BEGIN melda-jupyter bspm\n{BLOCK}# END melda-jupyter bspm\n"
REMOVED = (
    "# BEGIN melda-jupyter remove\n"
    'try(source("/usr/src/melda-jupyter/remove_packages.R", local = TRUE), silent = TRUE)\n'
    "# END melda-jupyter remove\n"
)
PROFILE = "# the distribution's\n" + MIRROR_BLOCK + SHOWN + REMOVED
LEFT_OUT = f"bspm: CRAN ({CRAN}) does not answer"


def texts(profile: str = "", left_out: str = "") -> Any:
    return lambda path: {bspm.RPROFILE: profile, omitted.PATH: left_out}.get(path, "")


def in_place() -> dict[str, tuple[str, ...]]:
    """Every file of ours as it shall be."""
    src = "/usr/src/melda-jupyter"
    ours = [
        ManagedFile(path, managed_files.source("bspm/" + name).decode().format(src=src, username="melda").encode())
        for path, name in ((bspm.BUS_SERVICE, "dbus.service"), (bspm.BUS_POLICY, "dbus.conf"))
    ]
    scripts = [ManagedFile(src, mode="755")]
    scripts += [
        ManagedFile(f"{src}/{name}", managed_files.source("bspm/" + name).replace(b"@SRC@", src.encode()))
        for name in bspm.SCRIPTS
    ]
    return conftest.in_place(scripts + ours)


DONE: Facts = {
    DebPackages: NEEDS,
    PathStats: in_place(),
    RPackages: {"bspm"},
    FileContents: texts(PROFILE + ENABLED),
}


def test_fresh(run: Run) -> None:
    commands = run(bspm.bspm, {Reachable: True, FileContents: texts("# the distribution's\n")})
    # The facts are those of before: what depends on bspm being there has its own test below.
    assert list(commands) == [APT, MIRROR, PROGRAMS, SHOW, REMOVE, INSTALL]
    assert set(arguments(*commands[APT])) == NEEDS
    assert b"install.packages" in commands.uploads["/usr/src/melda-jupyter/install_packages.R.melda-new"]
    assert f"( set -e; {staging.PREPARE_R}; /usr/bin/Rscript --vanilla bspm.R )" in commands[INSTALL][-1]
    assert commands.uploads[SCRIPT].decode().splitlines()[1:] == [
        f'install.packages("bspm", lib, repos = "{CRAN}")',
        'loadNamespace("bspm", lib)',
    ]


def test_r_compiles_into_the_systems_library_and_where_programs_may_run(tmp_path: Path) -> None:
    """With a library of root's own it went there, and with /var/tmp noexec no configure ran: at each run again."""
    library = tmp_path / "library"
    (library / "00LOCK-bspm").mkdir(parents=True)
    prepare = staging.PREPARE_R.replace(staging.R_LIBRARY, str(library))
    shown = subprocess.run(
        ["sh", "-c", f'set -e; {prepare}; echo "$TMPDIR $R_LIBS $R_LIBS_USER"'], cwd=tmp_path, env={"R_LIBS": "/x", **os.environ},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == f"{tmp_path}/tmp  /nonexistent\n"
    assert list(library.iterdir()) == [] and (tmp_path / "tmp").is_dir()


def test_once_installed_it_is_enabled_and_served_by_us(run: Run) -> None:
    bspms_own = {bspm.BUS_SERVICE: ("file", "644", "root", "root", "0" * 64)}
    commands = run(bspm.bspm, DONE | {FileContents: texts(PROFILE), PathStats: in_place() | bspms_own})
    assert list(commands) == [SERVE, ENABLE]
    assert commands.uploads[f"{bspm.RPROFILE}.melda-new"].decode() == PROFILE + ENABLED
    assert b"\nExec=/usr/src/melda-jupyter/bspm-service\n" in commands.uploads[f"{bspm.BUS_SERVICE}.melda-new"]


def test_the_policy_names_the_one_user_who_may_call(run: Run) -> None:
    commands = run(bspm.bspm, DONE | {PathStats: {}}, username="ada")
    policy = commands.uploads[f"{bspm.BUS_POLICY}.melda-new"].decode()
    assert re.findall("<policy (.*?)>", policy) == ['user="root"', 'user="ada"'], "nobody by default"


def test_already_there(run: Run) -> None:
    assert run(bspm.bspm, DONE) == {}


def test_repositories_of_the_callers_own_are_asked_once_bspm_is_enabled() -> None:
    assert ENABLED.index("bspm::enable()") < ENABLED.index("/usr/src/melda-jupyter/own_repositories.R")


@pytest.mark.parametrize(
    ("url", "apts"),
    [
        ("https://cran.r-project.org", True),
        ("https://packagemanager.posit.co/cran/latest", True),
        ("https://packagemanager.posit.co/cran/2023-06-01", False),  # another day's packages
        ("https://p3m.dev/cran/__linux__/bookworm/2023-06-01/", False),
        ("https://ada.r-universe.dev", False),
    ],
)
def test_which_repositories_are_cran_as_it_is_today(url: str, apts: bool) -> None:
    code = managed_files.source("bspm/own_repositories.R").decode()
    found = dict(re.findall(r'^  (mirror|a_day) <- "(.*)"$', code, re.MULTILINE))
    mirror, a_day = (re.compile(found[name].replace("\\\\", "\\"), re.IGNORECASE) for name in ("mirror", "a_day"))
    assert (bool(mirror.search(url)) and not a_day.search(url)) is apts


def test_enabled_exactly_once() -> None:
    assert ENABLED.count("bspm::enable()") == 1
    assert ENABLED.index("version.check = FALSE") < ENABLED.index("bspm::enable()"), "options come first"


@pytest.mark.parametrize(
    ("facts", "settings", "operations", "words"),
    [
        ({}, {}, [INSTALL], f"'{LEFT_OUT}' > {omitted.PATH}.melda-new"),
        ({FileContents: texts(PROFILE, LEFT_OUT + "\n")}, {}, [], ""),
        ({FileContents: texts(PROFILE, "r2u: x\n")}, {}, [INSTALL], f"'{LEFT_OUT}' 'r2u: x' >"),
        # Enabling what is not there would break every R session.
        ({FileContents: texts(PROFILE + ENABLED, LEFT_OUT + "\n")}, {}, [ENABLE], f"put {bspm.RPROFILE}.melda-new"),
        (
            {},
            {"strict": True},
            [INSTALL],
            f"echo 'strict=True and bspm would be left out: CRAN ({CRAN}) does not answer' >&2; exit 1",
        ),
    ],
)
def test_where_cran_does_not_answer(
    run: Run, facts: Facts, settings: dict[str, Any], operations: list[str], words: str
) -> None:
    gone: Facts = {DebPackages: NEEDS, Reachable: False, FileContents: texts(PROFILE), PathStats: in_place()}
    commands = run(bspm.bspm, gone | facts, **settings)
    assert list(commands) == operations
    if operations:
        assert words in commands[operations[0]][0]


@pytest.mark.parametrize("killed_before_the_record_went", [False, True])
def test_what_is_there_is_not_recorded_as_left_out(run: Run, killed_before_the_record_went: bool) -> None:
    there: Facts = {RPackages: {"bspm"} if killed_before_the_record_went else set()}
    commands = run(bspm.bspm, DONE | {Reachable: True, FileContents: texts(PROFILE + ENABLED, LEFT_OUT + "\n")} | there)
    assert commands[INSTALL][-1] == f"rm -f {omitted.PATH}"
    assert len(commands[INSTALL]) == (1 if killed_before_the_record_went else 4)


def test_another_mirror(run: Run) -> None:
    mirror = "http://mirror:8080/cran/"
    asked: list[str] = []
    commands = run(
        bspm.bspm, {Reachable: lambda url: asked.append(url) or True, FileContents: texts(PROFILE)}, cran_mirror=mirror
    )
    assert asked == ["http://mirror:8080/cran/src/contrib/PACKAGES.gz"]
    assert f'repos = "{mirror}"' in commands.uploads[SCRIPT].decode()
    written = commands.uploads[f"{bspm.RPROFILE}.melda-new"].decode()
    assert mirror in written and CRAN not in written, "the block is replaced, not added to"
