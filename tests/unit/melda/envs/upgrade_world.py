"""A project that had another Python and R, and what an upgrade asks; the tests of melda.envs.upgrade share it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from melda.envs import as_user, cli, formats
from melda.envs.errors import UsageError
from melda.envs.restore import command as restore
from melda.envs.upgrade import checking, command, install_passes, plan
from melda.plugins import state

from tests.unit.melda.envs.conftest import Image, distribution, r_package

OLD = "3.1.4"
OLD_SITE = "lib/python3.1/site-packages"


class World:
    """A project that had another Python and R, an index that has some wheels, and an apt that has some R packages."""

    def __init__(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        self.image = image
        self.wheels: dict[str, list[str]] = {}  # versions by name
        self.sources: set[str] = set()
        self.apt: dict[str, str] = {}
        self.asked: list[tuple[str, list[str], bool]] = []
        self.busy = 0
        self.needs: dict[str, list[str]] = {}  # requirements by name
        self.env: dict[str, str] = {}
        for name in ("UPGRADE", "IMAGE", "MISSING", "RESTORING", "STATE"):
            monkeypatch.setattr(state, name, str(image.root / name.lower()))
        for module in (command, cli, checking.tools):
            monkeypatch.setattr(module.environ, "load", lambda: self.env)
        monkeypatch.setattr(command.environ, "image_layout", lambda _: image.layout)
        monkeypatch.setattr(as_user, "go_on", lambda _: None)
        monkeypatch.setattr(cli, "as_user", lambda _: None)
        monkeypatch.setattr(command, "AGAIN", 0.01)
        monkeypatch.setattr(plan.capture, "capture", lambda *_: image.capture())
        monkeypatch.setattr(restore, "restore", self.restore)
        monkeypatch.setattr(install_passes.bspm, "available", lambda _: self.apt)
        for of in ("of_r", "of_python"):
            monkeypatch.setattr(install_passes.checking, of, lambda *_: [])
        monkeypatch.setattr(plan, "PAUSE", 0.01)
        self.old_site = image.workdir / f"Python-{OLD}" / OLD_SITE
        self.old_r = image.workdir / "R-4.1.0"
        self.old_site.mkdir(parents=True)
        self.old_r.mkdir()

    def restore(self, _: object, path: str, options: restore.Options, __: object) -> restore.Outcome:
        """In melda-env restore's place."""
        if self.busy:
            self.busy -= 1
            raise UsageError("another melda-env restore runs in this container: it must end first")
        assert options.allow_version_change
        wanted = formats.parse(Path(path).read_text(), path)
        wants = wanted.get(formats.WANTS, {"requirements": []})["requirements"]
        loose = [one.partition("!=")[0] for one in wants if "==" not in one]
        only = os.environ.get("UV_NO_BUILD") == "1"
        listed = [*wanted["python"]["packages"], *wanted["r"]["packages"]]
        here = {one["name"] for kind in ("python", "r") for one in self.image.capture()[kind]["packages"]}
        here -= set(options.again)
        asked = [one for one in listed if one["name"] not in here]
        self.asked.append(("r" if wanted["r"]["packages"] else "python",
                           sorted([one["name"] for one in asked] + loose), only))  # fmt: skip
        problems = []
        for entry in wanted["python"]["packages"]:
            name, version = entry["name"], entry["version"]
            assert not entry.keys() & {"record", "hashes"}, "its wheel may be another file"
            if "file" in entry or version in self.wheels.get(name, []) or (not only and name in self.sources):
                if name not in here:
                    self.put(name, version)
            else:
                problems.append(restore.Problem("python", name, version, "no wheel", ""))
        unknown = [name for name in loose if not self.wheels.get(name)]
        for name in loose:
            if unknown:
                problems.append(restore.Problem("python", name, "", f"{unknown} not found", ""))
            else:
                self.put(name, self.wheels[name][-1])
        for entry in wanted["r"]["packages"]:
            if self.apt.get(entry["name"]) == entry["version"] or entry["name"] in self.sources or "file" in entry:
                self.put_r(entry["name"], entry["version"])
            else:
                problems.append(restore.Problem("r", entry["name"], entry["version"], "no source", ""))
        return restore.Outcome(0, 0, problems)

    def put(self, name: str, version: str) -> None:
        """An installer replaces what is there."""
        for info in self.image.own_python.glob(f"{name}-*.dist-info"):
            shutil.rmtree(info)
        info = distribution(self.image.own_python, name, version)
        lines = "".join(f"Requires-Dist: {one}\n" for one in self.needs.get(name, ()))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}\n")

    def put_r(self, name: str, version: str) -> None:
        shutil.rmtree(self.image.own_r / name, ignore_errors=True)
        r_package(self.image.own_r, name, version, Repository="CRAN")

    def start(self, **env: str) -> str:
        self.env = {**env, "PATH": "/usr/bin:/bin"}
        assert command.main() == 0
        return state.read(state.UPGRADE) or ""

    def found(self) -> dict[str, dict[str, str]]:
        now = self.image.capture()
        return {kind: {one["name"]: one["version"] for one in now[kind]["packages"]} for kind in ("python", "r")}

    def missing(self) -> list[list[str]]:
        return [line.split("\t") for line in state.text(state.MISSING).splitlines()]


@pytest.fixture
def world(image: Image, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(image, monkeypatch)
