"""A project and its forks: containers with bspm, an index for pip and a CRAN-like repository, and melda-env in them."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import cran_repository, wheels
from tests.fakes.serve import Server, gateway

from .machines import ROOT, from_cran
from .services import Service

PROJECT = "/home/melda/project"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels: made here, and real ones, one of them with compiled code; sources; a local R package."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in ("zebra", "yak"):
        for version in ("1.0", "2.0"):
            files = {f"{name}/__init__.py": f"V = '{version}'\ndef main(): print(V)\n"}
            wheels.build(folder, name, version, files, script=f"{name} = {name}:main", hashed=True)
    wheels.build_source(folder, "lynx", "1.0", {"lynx/__init__.py": "V = '1.0'\n"})
    local = folder / "local"
    local.mkdir()
    wheels.build(local, "owl", "3.0", {"owl/__init__.py": "V = '3.0'\n"}, hashed=True)
    cran_repository.write_source(local, "meldalocal", "0.1")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "files" / "jupyter" / "uv.txt")], check=True)
    wanted = ["--only-binary=:all:", "--python-version", "3.11", "wrapt==1.15.0", "setuptools", "wheel"]
    subprocess.run([*pip, *wanted], check=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def cran(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("cran")
    contrib = cran_repository.build(root)
    older = cran_repository.write_source(tmp_path_factory.mktemp("older"), "meldapure", "0.9.0")
    cran_repository.archive(contrib, older)
    with Server(root, gateway(docker=docker)) as server:
        yield server


@pytest.fixture(scope="module")
def with_bspm(docker: str, image_with_bspm: str, cran: Server) -> Iterator[str]:
    """The image, with this repository as its CRAN, and so with bspm; what pip is asked for lies in /wheels."""
    name = f"melda-test-environment-{uuid.uuid4().hex[:8]}"
    machine = from_cran(docker, image_with_bspm, cran.url)
    try:
        machine.run("printf '[global]\\nno-index = true\\nfind-links = /wheels\\n' >/etc/pip.conf")
        subprocess.run([docker, "commit", machine.name, name], check=True, stdout=subprocess.DEVNULL)
    finally:
        machine.remove()
    yield name
    subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


class Fork(Service):
    """A container, and melda-env as its user."""

    def shell(self, command: str, check: bool = True) -> str:
        """What a terminal of the user's shows."""
        return self.run(f"cat >/tmp/command <<'EOF'\n{command}\nEOF\nsu - melda -c '. /tmp/command'", check=check)

    def r(self, code: str) -> str:
        return self.shell(f"Rscript -e '{code}' 2>&1")

    def env(self, arguments: str) -> tuple[int, str]:
        """melda-env's exit code, and all it says."""
        output, _, code = self.shell(f"melda-env {arguments} 2>&1; echo =$?").rpartition("=")
        return int(code), output

    def captured(self) -> dict[str, Any]:
        code, output = self.env("capture")
        assert code == 0, output
        found: dict[str, Any] = json.loads(self.run(f"cat {PROJECT}/environment.json"))
        return found

    def put(self, path: str, text: str) -> None:
        self.run(f"cat >{path} <<'EOF'\n{text}\nEOF\nchown melda: {path}")


@pytest.fixture(scope="module")
def forks(docker: str, with_bspm: str, sources: Path) -> Iterator[Any]:
    made: list[Fork] = []

    def make() -> Fork:
        made.append(Fork(docker, with_bspm, ("--volume", f"{sources}:/wheels:ro")))
        return made[-1].ready()

    yield make
    for fork in made:
        fork.remove()


def hand(docker: str, handed_over: Path, fork: Fork) -> str:
    """Put the parent's capture into a fork; its path there."""
    fork.run("rm -rf /tmp/parent")
    subprocess.run([docker, "cp", str(handed_over), f"{fork.name}:/tmp/parent"], check=True)
    fork.run("chown -R melda: /tmp/parent")
    return "/tmp/parent/environment.json"
