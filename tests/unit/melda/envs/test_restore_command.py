"""melda-env restore as a whole: what comes of it for R's packages too, what is removed, and how it is told."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from melda.config import environ
from melda.envs import capture, document
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import command, progress, tools
from melda.envs.restore.command import Options
from melda.envs.restore.progress import Progress
from melda.plugins import state

from tests.fakes.serve import Server
from tests.unit.melda.envs.conftest import VERSION, Image, R, distribution, r_package
from tests.unit.melda.envs.r_machine import Machine, machine

__all__ = ["machine"]
# Called as uv pip uninstall --python PROGRAM NAME...
UV = 'shift 4; for name; do rm -r "$SITE/$name" "$SITE/$name"-* || exit 1; done\n'


class Here:
    """A container with R, apt, a mirror and uv."""

    def __init__(self, image: Image, machine: Machine) -> None:
        self.image, self.machine = image, machine
        machine.library, machine.system = image.own_r, image.system_r
        (machine.root / "system").rmdir()
        (machine.root / "system").symlink_to(image.system_r)
        (machine.root / "bin" / "uv").write_text("#!/bin/sh\n" + UV)
        (machine.root / "bin" / "uv").chmod(0o755)
        self.file = image.workdir / "wanted.json"
        self.out = io.StringIO()

    def wants(self, *r: dict[str, Any], python: tuple[dict[str, Any], ...] = (), **more: Any) -> None:
        """Write the file."""
        kinds = {"python": {"version": VERSION, "packages": list(python)}, "r": {"version": R, "packages": list(r)}}
        self.file.write_text(json.dumps({**document.empty(), **kinds, **more}))

    def restore(self, **options: bool) -> command.Outcome:
        return command.restore(self.image.layout, str(self.file), Options(**options), Progress(self.out))

    def run(self, **asked: Any) -> int:
        given = {
            "file": "", "from_project": "", "attached": False, "allow_version_change": False, "prune": False,
            "dry_run": False, "json": False, "allow_repositories": False, **asked,
        }  # fmt: skip
        return command.run(self.image.layout, argparse.Namespace(**given))


def entry(name: str, version: str = "1.0", kind: str = "cran") -> dict[str, Any]:
    return {"name": name, "version": version, "source": {"type": kind}}


@pytest.fixture
def here(image: Image, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    found = Here(image, machine)
    monkeypatch.setattr(environ, "load", lambda: {**machine.env, "SITE": str(image.own_python)})
    monkeypatch.setattr(state, "RESTORING", str(machine.root / "restoring"))
    monkeypatch.setattr(capture, "capture", lambda place: image.capture())
    with Server(machine.root / "cran") as server:
        machine.mirror(server.url)
        yield found


def test_rs_packages_come_back_and_of_one_that_cannot_the_nearest_version_is_told(here: Here) -> None:
    here.machine.apt_has(zoo="1.8")
    here.machine.cran_has("xts", "0.12")
    here.machine.cran_has("gone", "1.5")
    r_package(here.machine.library, "there", "1.0", Repository="CRAN")
    here.wants(entry("gone", "2.0"), entry("there"), entry("xts", "0.12"), entry("zoo", "1.8"))
    outcome = here.restore()
    assert here.machine.versions(here.machine.library) == {"there": "1.0", "xts": "0.12"}
    assert here.machine.versions(here.machine.system) == {"zoo": "1.8"}
    assert (outcome.installed, outcome.there) == (2, 1)
    (problem,) = outcome.problems
    assert problem.line().startswith("R gone 2.0: http://")
    assert "gone_2.0.tar.gz answers 404" in problem.line() and problem.line().endswith("; nearest to be had: 1.5")
    told = outcome.as_json()
    assert told == json.loads(json.dumps(told))
    assert told["problems"][0].items() >= {"kind": "r", "name": "gone", "version": "2.0", "nearest": "1.5"}.items()


def test_limits_of_rs_packages_and_of_r_count(here: Here) -> None:
    here.machine.apt_has(zoo="1.8")
    here.machine.cran_has("xts", "0.12")
    here.file = here.image.workdir / "DESCRIPTION"
    here.file.write_text(
        "Type: project\nDepends: R (< 3)\nImports: zoo (!= 1.9), xts (< 0.13), xts (>= 0.1), gone (< 1)\n"
    )
    outcome = here.restore()
    assert here.machine.versions(here.machine.library) == {"xts": "0.12"}
    assert here.machine.versions(here.machine.system) == {"zoo": "1.8"}
    assert {one.name: one.reason for one in outcome.problems} == {
        "R": f"this container has R {R}, and the file needs < 3",
        "gone": "neither apt nor CRAN nor Bioconductor is known to have it in a version < 1",
    }


def test_a_dry_run_says_how_each_would_be_had_and_changes_nothing(here: Here) -> None:
    here.machine.apt_has(zoo="1.8")
    here.machine.cran_has("xts", "0.12")
    here.wants(entry("xts", "0.12"), entry("zoo", "1.8"), entry("gone", "2.0"))
    outcome = here.restore(dry_run=True)
    assert outcome[:2] == (0, 0) and [one.name for one in outcome.problems] == ["gone"], "what the run will know"
    assert "1 R packages as binaries: zoo 1.8\n" in here.out.getvalue()
    assert "2 R packages from source: xts 0.12, gone 2.0\n" in here.out.getvalue()
    assert not here.machine.versions(here.machine.library) and not here.machine.versions(here.machine.system)


def test_only_what_notebooks_had_loaded(here: Here) -> None:
    here.machine.apt_has(zoo="1.8", xts="0.13")
    kernel = {"notebook": "a.ipynb", "language": "r", "asked": True, "attached": ["zoo"], "loaded": []}
    here.wants(entry("xts", "0.13"), entry("zoo", "1.8"), kernels=[kernel])
    assert here.restore(attached=True).installed == 1
    assert here.machine.versions(here.machine.system) == {"zoo": "1.8"}


class TestPrune:
    """What the file does not name is removed, and what cannot be is told."""

    @pytest.fixture(autouse=True)
    def extra(self, here: Here) -> None:
        distribution(here.image.own_python, "zebra", "1.0")
        r_package(here.machine.library, "mine", "1.0")
        here.wants()

    def left(self, here: Here) -> list[str]:
        return [one["name"] for kind in ("python", "r") for one in here.image.capture()[kind]["packages"]]

    def test_only_if_it_is_asked_for(self, here: Here) -> None:
        assert here.restore().problems == [] and self.left(here) == ["zebra", "mine"]
        assert "2 packages are left alone, though the file does not name them" in here.out.getvalue()
        assert here.restore(prune=True).problems == [] and self.left(here) == []

    def test_of_one_language_while_the_others_are_not_removed(self, here: Here) -> None:
        (here.machine.root / "bin" / "uv").write_text("#!/bin/sh\necho 'error: read-only'\nexit 2\n")
        outcome = here.restore(prune=True)
        assert [one.line() for one in outcome.problems] == ["Python: not removed: error: read-only"]
        assert self.left(here) == ["zebra"]

    def test_what_apt_does_not_remove(self, here: Here) -> None:
        here.image.debian({"r-cran-zoo": "1.8-1"}, brought=("r-cran-zoo",))
        r_package(here.machine.system, "zoo", "1.8")
        (here.machine.root / "bin" / "busctl").write_text("#!/bin/sh\necho 'E: it is held'\nexit 1\n")
        outcome = here.restore(prune=True)
        assert [one.line() for one in outcome.problems] == ["R: not removed: E: it is held"]
        assert self.left(here) == ["zoo"]


def test_where_uv_cannot_be_had_each_python_package_says_so_and_rs_are_installed(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> str:
        raise PackageUnavailable("uv cannot be fetched: no network")

    monkeypatch.setattr(tools, "uv", none)
    here.machine.apt_has(zoo="1.8")
    here.wants(entry("zoo", "1.8"), python=(entry("owl", kind="index"), entry("yak", kind="index")))
    outcome = here.restore()
    assert outcome.installed == 1
    assert [one.line() for one in outcome.problems] == [
        f"Python {name} 1.0: uv cannot be fetched: no network" for name in ("owl", "yak")
    ]
    here.file = here.image.workdir / "requirements.txt"
    here.file.write_text("owl<2\n")
    assert [one.line() for one in here.restore().problems] == ["Python owl: uv cannot be fetched: no network"]


def test_what_the_project_brings_itself_is_waited_for(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    restoring = Path(state.RESTORING)
    restoring.touch()

    def brought(seconds: float) -> None:
        r_package(here.machine.library, "zoo", "1.8", Repository="CRAN")
        restoring.unlink()

    monkeypatch.setattr(progress.time, "sleep", brought)
    here.wants(entry("zoo", "1.8"))
    assert here.restore() == (0, 1, [])
    assert here.out.getvalue().startswith("waiting for the project's own packages\n")


def test_it_is_not_waited_for_without_end(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    Path(state.RESTORING).touch()
    here.wants()
    assert here.restore() == (0, 0, [])


def test_a_home_that_cannot_be_written_is_one_line(here: Here) -> None:
    here.wants()
    (Path(here.image.layout.user.home) / ".cache").write_text("")
    with pytest.raises(UsageError, match=r"/\.cache/melda-env: Not a directory$"):
        here.restore()


def test_of_another_project_what_was_installed_last_comes_before_what_its_user_captured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no environment\.json is in it"):
        command.in_project(str(tmp_path))
    (tmp_path / "environment.json").touch()
    assert command.in_project(str(tmp_path)) == str(tmp_path / "environment.json")
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "environment.json").touch()
    assert command.in_project(str(tmp_path)) == str(tmp_path / ".melda-jupyter" / "environment.json")


def test_a_capture_that_cannot_be_read_now_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "environment.json").touch()
    newest, stat = str(tmp_path / ".melda-jupyter" / "environment.json"), os.stat

    def hanging(path: str, *arguments: Any, **more: Any) -> os.stat_result:
        if path == newest:
            raise OSError(errno.EIO, "Input/output error", path)
        return stat(path, *arguments, **more)

    monkeypatch.setattr(os, "stat", hanging)
    with pytest.raises(UsageError, match=r"/\.melda-jupyter/environment\.json: Input/output error$"):
        command.in_project(str(tmp_path))


def test_the_command_tells_a_reader_what_came_of_it(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    here.machine.apt_has(zoo="1.8")
    here.wants(entry("zoo", "1.8"))
    assert here.run(file=str(here.file)) == 0
    assert capsys.readouterr().out.endswith("\n1 packages installed, 0 were there already\n")
    here.wants(entry("mine", kind="local"))
    assert here.run(file=str(here.file)) == 1
    assert capsys.readouterr().out.endswith(
        "\n0 packages installed, 0 were there already\n1 cannot be had:\n"
        "  R mine 1.0: it came from a local file or folder, of which no copy was kept\n"
    )


def test_the_command_tells_a_program_in_json_alone(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    here.machine.apt_has(zoo="1.8")
    here.wants(entry("mine", kind="local"), entry("zoo", "1.8"))
    here.file.rename(here.image.workdir / "environment.json")
    assert here.run(from_project=str(here.image.workdir), json=True) == 1
    out, err = capsys.readouterr()
    assert (json.loads(out)["installed"], json.loads(out)["problems"][0]["name"]) == (1, "mine")
    assert "1 R packages as binaries: zoo 1.8\n" in err
    assert here.run(from_project=str(here.image.workdir), json=True, dry_run=True) == 1, "what the run will know"
