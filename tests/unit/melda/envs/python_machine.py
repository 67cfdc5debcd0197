"""A host with an index of wheels, and containers of it with a project, whose Python packages are restored."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from melda.base import interpreters, users
from melda.config import environ
from melda.envs import capture, document
from melda.envs.capture import pack
from melda.envs.restore import command
from melda.envs.restore.command import Options
from melda.plugins import venv as plugins_venv

from tests.fakes import wheels
from tests.unit.melda.envs.conftest import VERSION

UV = Path(sys.executable).parent / "uv"
NAMES = ("zebra", "yak", "owl")
VERSIONS = ("1.0", "2.0")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of three packages in two versions; one of them has a script."""
    folder = tmp_path_factory.mktemp("index")
    for name in NAMES:
        for version in VERSIONS:
            files = {f"{name}/__init__.py": f"V = {version!r}\ndef main(): print(V)\n"}
            script = f"{name} = {name}:main" if name == "yak" else ""
            wheels.build(folder, name, version, files, ("absent>=1",), script, hashed=True)
    return folder


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's environment: a real one."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder)
    (folder / "bin" / "jupyter").write_text("#!/bin/sh\n")
    return folder


class Container:
    """A home with a project, and melda-env in it."""

    def __init__(self, root: Path, env: Path, variables: dict[str, str]) -> None:
        self.root = root
        home = root / "home"
        self.workdir = home / "project"
        self.workdir.mkdir(parents=True)
        me = users.Account("melda", os.getuid(), os.getgid(), (os.getgid(),), str(home), "/bin/bash")
        self.layout = environ.ImageLayout(me, str(self.workdir), str(env))
        self.variables = {**variables, "HOME": str(home)}
        self.plugins = self.workdir / f"Python-{VERSION}"
        plugins_venv.make(str(self.plugins), str(env), VERSION)
        self.file = self.workdir / "environment.json"

    def pip(self, *arguments: str) -> None:
        command = [
            str(UV),
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--python",
            str(self.plugins / "bin" / "python"),
        ]
        subprocess.run([*command, *arguments], check=True, env=self.variables)

    def capture(self) -> dict[str, Any]:
        found = capture.inspect(self.layout, os.devnull, "/nowhere")
        pack.keep(found, str(self.file) + pack.ENDING)
        self.file.write_text(capture.text(found.document))
        return document.check(found.document, "x")

    def restore(self, path: Path, options: Options = command.DEFAULTS) -> command.Outcome:
        return command.restore(self.layout, str(path), options)


@pytest.fixture
def containers(env: Path, index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """``containers()``: a new one. All share uv's cache, as the host's."""
    monkeypatch.setattr(interpreters, "r", lambda: "")
    cache = tempfile.mkdtemp(prefix="melda-test-uv-")
    variables = {
        "PATH": f"{UV.parent}:{os.environ['PATH']}", "UV_CACHE_DIR": cache, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index),
        "LANG": "C.UTF-8",
    }  # fmt: skip
    monkeypatch.setattr(environ, "load", lambda: dict(variables))
    made: list[Path] = []

    def make() -> Container:
        root = Path(tempfile.mkdtemp(prefix="melda-test-environment-"))
        made.append(root)
        return Container(root, env, variables)

    yield make
    for root in [*made, Path(cache)]:
        shutil.rmtree(root, ignore_errors=True)


def names(outcome: command.Outcome) -> list[str]:
    return [problem.name for problem in outcome.problems]
