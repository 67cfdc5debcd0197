"""tasks/runtime.py: the programs of files/runtime, root's and executable, and their names on everybody's PATH."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from melda.base.paths import STATE
from melda.launchers import PROGRAMS
from pyinfra.facts.deb import DebPackages

from tasks import debian_packages, runtime
from tasks.facts.files import PathStats, UnlistedFiles
from tasks.lib import managed_files
from tasks.releases import RELEASES

from .conftest import ROOT, Facts, Run, in_place

PUT = "Install the runtime's programs"
SRC = "/usr/src/melda-jupyter"
TREE = managed_files.tree("runtime/src", SRC, ("launch", *PROGRAMS))
SUPPORT = runtime.support_ends(RELEASES["bookworm"])
LINKS = {f"/usr/local/bin/{name}": ("link", f"{SRC}/{name}") for name in runtime.COMMANDS}
LISTED = {entry.path.removeprefix(f"{SRC}/") for entry in TREE}


NAMES = "Put the commands on everybody's PATH"
DONE: Facts = {DebPackages: set(debian_packages.PACKAGES["runtime"]), PathStats: in_place([*TREE, *SUPPORT]) | LINKS}


def test_fresh(run: Run) -> None:
    commands = run(runtime.runtime)
    assert list(commands) == ["Install what the runtime calls", PUT, NAMES]
    assert commands.uploads[f"{SUPPORT[-1].path}.melda-new"] == b"Debian 12 2028-06-30\n"
    assert {path.removeprefix(f"{SRC}/").removesuffix(".melda-new") for path in commands.uploads if SRC in path} == {
        path.relative_to(ROOT / "files/runtime/src").as_posix()
        for path in (ROOT / "files/runtime/src").rglob("*")
        if path.is_file() and not re.search(r"/(\.|__pycache__)", str(path.relative_to(ROOT)))
    }
    for name in PROGRAMS:
        new = f"{SRC}/{name}.melda-new"
        assert commands.modes[new] == "755" and f" && mv -fT {new} {SRC}/{name}" in "".join(commands[PUT])
    assert commands[NAMES] == [
        f"ln -sfT {SRC}/{name} {path}.melda-new && mv -fT {path}.melda-new {path}"
        for name in runtime.COMMANDS
        for path in (f"/usr/local/bin/{name}",)
    ]


def test_already_there(run: Run) -> None:
    assert run(runtime.runtime, DONE) == {}


def test_everything_is_roots_and_nobody_else_may_write() -> None:
    assert all(managed_files.expected(entry)[2:4] == ("root", "root") for entry in TREE)
    assert {entry.mode for entry in TREE} == {"755", "644"}
    executable = {entry.path.removeprefix(f"{SRC}/") for entry in TREE if entry.content and entry.mode == "755"}
    assert executable == {"launch", *PROGRAMS} and set(PROGRAMS) >= set(runtime.COMMANDS)


def test_a_folder_comes_before_what_lies_in_it() -> None:
    made: set[str] = set()
    for entry in TREE:
        parent = entry.path.rsplit("/", 1)[0]
        assert entry.path == SRC or parent in made, entry.path
        if entry.content is None:
            made.add(entry.path)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{SRC}/launch", ("file", "755", "root", "root", "0")),
        (f"{SRC}/launch", ("file", "644", "root", "root", managed_files.expected(TREE[0])[-1])),
        (f"{SRC}/launch", ("link", "/home/melda/evil")),
        (f"{SRC}/start-jupyter", ("link", "/home/melda/evil")),
        (f"{SRC}/melda", ("directory", "777", "root", "root")),
        (SRC, ("directory", "755", "melda", "melda")),
    ],
)
def test_half_there_only_the_wrong_path_is_mended(run: Run, path: str, found: tuple[str, ...]) -> None:
    commands = run(runtime.runtime, DONE | {PathStats: DONE[PathStats] | {path: found}})
    assert list(commands) == [PUT]
    assert all(path in command for command in commands[PUT])
    assert len(commands[PUT]) == (2 if path in {entry.path for entry in TREE if entry.content} else 1)


def test_a_file_where_the_runtime_keeps_its_state_is_set_aside(run: Run) -> None:
    """The run was silent, and the container ended with 1."""
    commands = run(runtime.runtime, DONE | {PathStats: DONE[PathStats] | {STATE: ("file", "644", "root", "root", "0")}})
    assert list(commands) == [PUT] and commands[PUT][0].startswith(f"mv -T {STATE} {STATE}.set-aside-")


@pytest.mark.parametrize(
    ("found", "aside"),
    [
        (("link", "/elsewhere"), False),
        (("file", "755", "root", "root", "0"), False),
        (("directory", "755", "root", "root"), True),
    ],
)
def test_a_name_that_leads_elsewhere_is_put_right(run: Run, found: tuple[str, ...], aside: bool) -> None:
    path = "/usr/local/bin/set-paths"
    commands = run(runtime.runtime, DONE | {PathStats: DONE[PathStats] | {path: found}})
    assert list(commands) == [NAMES]
    assert commands[NAMES][0].startswith(f"mv -T {path} {path}.set-aside-") == aside
    assert commands[NAMES][-1].endswith(f" {path}") and len(commands[NAMES]) == 1 + aside


def test_another_place(run: Run) -> None:
    commands = run(runtime.runtime, src="/opt/melda")
    assert "ln -sfT /opt/melda/start-jupyter /usr/local/bin/start-jupyter.melda-new" in str(commands[NAMES])
    assert SRC not in str(commands[PUT])


def test_what_tools_leave_in_a_work_tree_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_files, "ROOT", tmp_path)
    for name in ("program", ".mypy_cache/3.11/x.json", "part/__pycache__/x.pyc", "part/.x.py.swp", "part/x.py"):
        (tmp_path / "files/x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files/x" / name).touch()
    assert [entry.path for entry in managed_files.tree("x", SRC)] == [SRC] + [
        f"{SRC}/{name}" for name in ("part", "part/x.py", "program")
    ]


def test_what_the_project_no_longer_has_is_removed(run: Run) -> None:
    left = {
        "melda_runtime",
        "melda_runtime/log.py",
        "melda/base/former.py",
        "melda/base/__pycache__/former.cpython-38.pyc",
    }
    ours = {"melda/base/log.py", "melda/base/__pycache__", "melda/base/__pycache__/log.cpython-38.pyc"}
    assert ours & LISTED == {"melda/base/log.py"}

    def answer(**arguments: Any) -> list[str]:
        fact = UnlistedFiles()
        fact.command(**arguments)
        return fact.process(sorted(left | ours))

    commands = run(runtime.runtime, DONE | {UnlistedFiles: answer})
    assert commands == {
        "Remove the programs that the project no longer has": [
            f"rm -rf -- {SRC}/melda/base/__pycache__/former.cpython-38.pyc {SRC}/melda/base/former.py {SRC}/melda_runtime"
        ]
    }


def test_the_fact_looks_at_nothing_but_ours(tmp_path: Path) -> None:
    for name in ("melda/a.py", "melda/a.py.1.melda-new", "melda_units/run.py", "somebody/else.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    fact = UnlistedFiles()
    command = fact.command(str(tmp_path), (runtime.PACKAGE, *runtime.FORMER), [f"{tmp_path}/melda"])
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert fact.process(shown.stdout.splitlines()) == [f"{tmp_path}/melda/a.py", f"{tmp_path}/melda_units"]
