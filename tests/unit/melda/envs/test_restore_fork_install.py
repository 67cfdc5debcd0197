"""What FORK_OF starts, with a real restore behind it: how far it is, what came of it, and what is tried again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from melda.base import interpreters
from melda.config import environ
from melda.envs import as_user, capture, document, restore_fork
from melda.envs.upgrade import fork
from melda.plugins import state

from tests.unit.melda.envs.conftest import VERSION, Image, R
from tests.unit.melda.envs.r_machine import Machine, machine

__all__ = ["machine"]


class Fork:
    """A project whose parent's capture has come."""

    def __init__(self, image: Image, machine: Machine) -> None:
        self.machine = machine
        self.folder = image.workdir / ".melda-jupyter" / "fork"
        self.folder.mkdir(parents=True)

    def wants(self, *names: str, version: str = R) -> None:
        """Write the parent's capture: R packages from apt, and in files that were not kept."""
        found = document.empty()
        packages = [
            {"name": name, "version": "1.0", "source": {"type": "local" if name == "lost" else "cran"}}
            for name in names
        ]
        found["r"] = {"version": version, "packages": packages}
        (self.folder / "environment.json").write_text(json.dumps(found))

    def start(self) -> str:
        """As start-jupyter does; what is told then."""
        assert restore_fork.main() == 0
        return state.read(state.FORK) or ""


@pytest.fixture
def project(image: Image, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Fork:
    machine.library, machine.system = image.own_r, image.system_r
    (machine.root / "system").rmdir()
    (machine.root / "system").symlink_to(image.system_r)
    monkeypatch.setattr(state, "FORK", str(machine.root / "state"))
    monkeypatch.setattr(state, "MISSING", str(machine.root / "missing"))
    monkeypatch.setattr(state, "RESTORING", str(machine.root / "restoring"))
    monkeypatch.setattr(environ, "load", lambda: machine.env)
    monkeypatch.setattr(environ, "image_layout", lambda variables: image.layout)
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    monkeypatch.setattr(capture, "capture", lambda place: image.capture())
    monkeypatch.setattr("sys.argv", ["restore-fork", "users/eve"])
    return Fork(image, machine)


def test_the_parents_packages_are_installed_and_each_step_is_in_the_log(
    project: Fork, capsys: pytest.CaptureFixture[str]
) -> None:
    project.machine.apt_has(zoo="1.0", xts="1.0")
    (project.machine.root / "mirror").write_text("http://127.0.0.1:1")
    project.wants("lost", "xts", "zoo")
    assert project.start() == "2 packages of users/eve are installed; 1 cannot be had: lost 1.0"
    assert project.machine.versions(project.machine.system) == {"xts": "1.0", "zoo": "1.0"}
    out, err = capsys.readouterr()
    assert out == "" and "start-jupyter: fork: installing what users/eve has\n" in err
    assert "start-jupyter: fork: 2 R packages as binaries: xts 1.0, zoo 1.0\n" in err
    assert "start-jupyter: fork: R lost 1.0: it came from a local file or folder, of which no copy was kept\n" in err
    done = json.loads((project.folder / "done.json").read_text())
    assert (done["captured"], done["installed"], [one["name"] for one in done["problems"]]) == (True, 2, ["lost"])


def test_whoever_asks_is_told_how_far_it_is(project: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    project.machine.apt_has(zoo="1.0", xts="1.0")
    project.wants("xts", "zoo")
    told: list[str] = []
    write = state.write

    def noted(line: str, path: str = "") -> None:
        write(line, path)
        if path != state.START:
            told.append(Path(state.FORK).read_text())

    monkeypatch.setattr(state, "write", noted)
    project.start()
    assert told == [
        "installing what users/eve has", "installing, 1 of 2", "installing, 2 of 2", "2 packages of users/eve are installed",
    ]  # fmt: skip


def test_of_a_line_that_is_none_it_is_said(project: Fork) -> None:
    project.wants("../x", version="3.6.0")
    line = f"0 packages of users/eve are installed, carried over from R 3.6.0 to {R}; 1 cannot be had: ../x 1.0"
    assert project.start() == line


def test_another_r_is_carried_over(project: Fork) -> None:
    project.machine.apt_has(zoo="1.8", xts="1.0")
    (project.machine.root / "mirror").write_text("http://127.0.0.1:1")
    project.wants("lost", "xts", "zoo", version="3.6.0")
    line = f"2 packages of users/eve are installed, carried over from R 3.6.0 to {R}; 1 cannot be had: lost 1.0"
    assert project.start() == line
    assert project.machine.versions(project.machine.system) == {"xts": "1.0", "zoo": "1.8"}, "the version that apt has"
    assert "lost\tversion 1.0 could not be carried over from R 3.6.0 to" in state.text(state.MISSING)
    assert project.start() == line, "once"


@pytest.mark.parametrize("mode", ["ask", "off"])
def test_another_r_is_told_and_tried_again_with_the_next_image(project: Fork, mode: str) -> None:
    project.machine.env["UPGRADE"] = mode
    project.wants("zoo", version="3.6.0")
    output = project.start()
    assert output.startswith("failed: ") and "the file is of R 3.6.0" in output
    assert not (project.folder / "done.json").exists()
    project.machine.apt_has(zoo="1.0")
    project.wants("zoo")
    assert project.start() == "1 packages of users/eve are installed"


@pytest.mark.parametrize(("python", "r", "differ"), [
    ("2.7.18", R, ["python"]), ("", "3.6.0", ["r"]), (VERSION, R, []), (VERSION.rpartition(".")[0], "4.2", []),
])  # fmt: skip
def test_which_language_is_another_one(
    image: Image, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, python: str, r: str, differ: list[str]
) -> None:
    monkeypatch.setattr(interpreters, "python", lambda _: VERSION)
    path = tmp_path / "environment.json"
    zoo = {"name": "zoo", "version": "1.0"}
    parts = {
        "python": {"version": python, "packages": [{**zoo, "source": {"type": "index"}}]},
        "r": {"version": r, "packages": [{**zoo, "source": {"type": "cran"}}]},
    }
    path.write_text(json.dumps({**document.empty(), **parts}))
    found = fork.former(image.layout, str(path))[0]
    assert [one.kind for one in found if one.due.source != one.due.target] == differ
    assert len(found) == (2 if differ else 0), "all of it, or restore does it"


def test_a_package_without_a_version_is_told_by_its_name() -> None:
    done = {"captured": True, "installed": 1, "there": 0, "problems": [{"name": n, "version": ""} for n in ("a", "b")]}
    assert restore_fork.summary("eve", done) == "1 packages of eve are installed; 2 cannot be had: a, b"
