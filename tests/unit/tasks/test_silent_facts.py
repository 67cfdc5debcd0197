"""No fact takes silence for health: a shell takes a program that is empty for one that did all it had to."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactBase

from tasks.facts import kernels
from tasks.facts.apt import AptState, Upgradable
from tasks.facts.dpkg import BrokenAlternatives, LackingFiles
from tasks.facts.kernels import StartProblems
from tasks.facts.server import TOOLS, Unwritable
from tasks.facts.ssh import SshdProblem
from tasks.facts.venv import UncompiledSources, VenvDamage
from tasks.lib import sshd, target_python
from tests.operations.conftest import HEALTHY, ROOT

# Silence says that nothing is there, which is then made; or it is the shell's own, and that of TOOLS, which Unwritable looks at.
NOTHING_THERE = {
    "Account", "Distributions", "FileContents", "ImageVariables", "KnownPackages", "OneOfUsers",
    "PathStats", "Reachable", "RPackages", "UnitStates",
}  # fmt: skip
OF_TOOLS = {
    "AccountRights", "ImageHostKeys", "LackingAuthorities", "LedTo", "Leftovers", "MirrorDrift", "OpenToOthers", "OthersFolders",
    "SetuidFiles",
    "UnlistedFiles", "UserFolder", "UsersFiles",
}  # fmt: skip
# They name packages in a report, and nothing is done with it.
REPORTED = {"PackageOrigins", "ReverseDependencies"}
BASES = {"Judged", "Lines", "Paths"}


def facts() -> dict[str, type]:
    modules = [importlib.import_module(f"tasks.facts.{path.stem}") for path in (ROOT / "tasks/facts").glob("[!_]*.py")]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, FactBase) and value.__module__ == module.__name__
    }


def test_each_fact_is_of_a_kind() -> None:
    judged = {fact.__name__ for fact in HEALTHY}
    assert facts().keys() - judged == NOTHING_THERE | OF_TOOLS | REPORTED | BASES


@pytest.mark.parametrize("fact", HEALTHY, ids=lambda fact: fact.__name__)
def test_no_answer_is_not_that_all_is_well(fact: Any) -> None:
    assert fact.default() != HEALTHY[fact]


BROKEN = ("", "exit 127", "kill -SEGV $$")  # empty; it cannot start; it crashes
ASKED: list[tuple[Any, dict[str, Any], str]] = [
    (Upgradable, {}, "apt-get"),
    (LackingFiles, {"names": ["ours"]}, "perl"),
    (BrokenAlternatives, {"whole": False}, "perl"),
    (Unwritable, {"uid": 0, "places": []}, "perl"),
    (UncompiledSources, {"folder": "/usr"}, "python3"),
    (VenvDamage, {"env": "/usr", "ours": []}, "python3"),
]
CASES = [(*asked, broken) for asked in ASKED for broken in BROKEN]
CASES += [(Unwritable, {"uid": 0, "places": []}, tool, "") for tool in TOOLS] + [
    (AptState, {}, "dpkg", broken) for broken in BROKEN[1:]
]


@pytest.mark.parametrize(("fact", "arguments", "program", "broken"), CASES)
def test_a_program_that_does_not_run_is_not_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fact: Any, arguments: dict[str, Any], program: str, broken: str
) -> None:
    path = tmp_path / program
    path.write_text(broken and f"#!/bin/sh\n{broken}\n")
    path.chmod(0o755)
    monkeypatch.setattr(target_python, "PYTHON", str(path))
    shown = subprocess.run(
        ["sh", "-c", fact().command(**arguments)], capture_output=True, text=True, check=False,
        env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    lines = shown.stdout.splitlines()
    found = fact().process(lines) if lines else fact.default()
    if fact is AptState:
        assert found.interrupted
    elif fact is Unwritable:
        assert any(line.startswith(f"{program} ") for line in found)
    else:
        assert found == fact.default()


def test_sshd_that_says_nothing_is_a_problem(tmp_path: Path) -> None:
    for name in ("etc/ssh/sshd_config.d", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/ssh/sshd_config").write_text("")
    (tmp_path / "sshd").write_text("")
    (tmp_path / "sshd").chmod(0o755)
    shown = subprocess.run(
        ["sh", "-c", sshd.problem(root=str(tmp_path), sshd=str(tmp_path / "sshd"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.startswith("sshd does not take its configuration") and SshdProblem in HEALTHY


@pytest.mark.parametrize(
    ("program", "problems"),
    [
        ("echo 'it is whole'; echo Goodbye!", []),
        ("echo Hello; echo 'Error: x' >&2; echo 'Execution halted' >&2; exit 1", ["Hello Error: x"]),
        ("exit 127", ["it ended with 127"]),
        ("", ["it ended with 0"]),
        ('[ "$HOME" = /nonexistent ] && [ "$R_LIBS$R_PROFILE" = "" ] && echo it is whole', []),
        # R reads .Renviron of the folder: with R_PROFILE in that of a project root ran what the user had written.
        ('[ "$PWD" = / ] && [ ! "${R_ENVIRON_USER-.Renviron}" ] && echo it is whole', []),
    ],
)
def test_r_or_python_that_does_not_start_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, problems: list[str]
) -> None:
    """With a mistake in Rprofile.site or a *.pth no kernel started, and each run said that nothing was to be done."""
    path = tmp_path / "Rscript"
    monkeypatch.setattr(kernels, "RSCRIPT", str(path))
    # Others than root cannot become the user, and the user does not come into this folder.
    (tmp_path / "setpriv").write_text(
        '#!/bin/sh\n[ "$1$2$3" = "--reuid=4242--regid=4242--clear-groups" ] && shift 4 && exec "$@"\n'
    )
    (tmp_path / "setpriv").chmod(0o755)
    ask = lambda: subprocess.run(  # noqa: E731
        ["sh", "-c", StartProblems().command(f"{tmp_path}/env", 4242)], capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "R_LIBS": "/x", "R_PROFILE": "/y", "HOME": "/root"},
    ).stdout.splitlines()  # fmt: skip
    assert StartProblems().process(ask()) == [], "there is no R yet"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    python = tmp_path / "env/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(path)
    assert StartProblems().process(ask()) == [f"{one}: {line}" for one in (path, python) for line in problems]
