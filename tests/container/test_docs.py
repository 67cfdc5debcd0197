"""The commands of the pages, as they stand there: in a shell, and in a notebook's kernels.

A page's blocks run one after the other against one container, in a copy of the repository. Where a page says
``melda-jupyter`` it is the test's container, and where it says ``melda-jupyter:latest`` the test's image.
"""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tools import blocks, links
from tests.fakes.serve import Server

from .forks import cran, with_bspm  # noqa: F401
from .machines import ROOT, Machine
from .notebook import Kernel
from .services import Service

TESTED = {page: [block for block in blocks.of(page) if block.tested] for page in links.tracked("*.md")}
PAGES = [page for page, found in TESTED.items() if any(not block.slow for block in found)]
KERNELS = {"python": "python3", "r": "ir"}
# What the pages install from an index.
WHEELS = ("--only-binary=:all:", "--python-version", "3.11", "humanize")


@pytest.fixture(scope="module")
def page_image(docker: str, with_bspm: str, cran: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image with bspm, and a folder in the place of PyPI."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*pip, *WHEELS], check=True)
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "files" / "jupyter" / "uv.txt")], check=True)
    name = f"melda-test-docs-{uuid.uuid4().hex[:8]}:latest"
    machine = Machine(docker, with_bspm, command=("tail", "-f", "/dev/null"))
    try:
        subprocess.run([docker, "cp", str(folder), f"{machine.name}:/wheels"], check=True)
        machine.run("chmod -R a+rX /wheels")
        subprocess.run([docker, "commit", machine.name, name], check=True, stdout=subprocess.DEVNULL)
    finally:
        machine.remove()
    yield name
    subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


class World:
    """What a page's commands meet.

    Args:
        docker: the client.
        image: the pages' ``melda-jupyter:latest``.
        folder: an empty one, for the copy of the repository and for ssh.
        key: private key whose public half the container has.
    """

    def __init__(self, docker: str, image: str, folder: Path, key: Path) -> None:
        self.image = image
        self.copy = folder / "melda-jupyter"
        for file in links.tracked("."):
            to = self.copy / file.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to)
        # make's: what it installs is there.
        (self.copy / ".venv").symlink_to(sys.prefix)
        self.programs = folder / "bin"
        self.programs.mkdir()
        config = folder / "ssh_config"
        config.write_text(
            f"Host *\nIdentityFile {key}\nIdentitiesOnly yes\nBatchMode yes\nStrictHostKeyChecking no\n"
            "UserKnownHostsFile /dev/null\nLogLevel ERROR\n"
        )
        ssh = self.programs / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
        ssh.chmod(0o755)
        path = f"{self.programs}:{Path(docker).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path}
        public = key.with_suffix(".pub").read_text().strip()
        self.service = Service(docker, image, SSH_AUTHORIZED_KEYS=public)
        self.kernels: dict[str, Kernel] = {}

    def close(self) -> None:
        """Remove what was made, by the page's commands too."""
        for kernel in self.kernels.values():
            kernel.close()
        self.service.remove()
        docker = self.service.docker
        subprocess.run([docker, "rm", "--force", "--volumes", self.fork], capture_output=True, check=False)

    @property
    def fork(self) -> str:
        """The pages' ``melda-fork``."""
        return self.service.name + "-fork"

    def names(self, code: str) -> str:
        """The commands with the test's own names."""
        code = code.replace("melda-jupyter:latest", self.image)
        code = re.sub(r"(?<![\w./-])(@docker/)?melda-jupyter(?![\w./-])", rf"\g<1>{self.service.name}", code)
        return code.replace("melda-fork", self.fork)

    def shell(self, code: str) -> str:
        """Run commands; all of them must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.names(code)],
            cwd=self.copy, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout}"
        return done.stdout

    def cell(self, language: str, code: str) -> str:
        """Run a cell; a page's cells of one language are one notebook's."""
        name = KERNELS[language]
        if name not in self.kernels:
            self.kernels[name] = self.service.notebook.start(name)
        ran = self.kernels[name].run(code, timeout=300)
        assert ran.status == "ok", f"{code}\n{ran}"
        return ran.stdout + "".join(ran.results)


@pytest.fixture
def world(docker: str, page_image: str, tmp_path: Path, key: Path) -> Iterator[World]:
    made = World(docker, page_image, tmp_path, key)
    try:
        made.service.ready()
        yield made
    finally:
        made.close()


# What the reader is to see, beside an exit code of 0.
SEEN = {
    "tutorial.md": ("260", "186.6", "560,000"),
    "debug-over-ssh.md": ("ssh: ", '"jupyter": "ok"', "melda", "Debian"),
    "fork-an-environment.md": ("python humanize", "exit code 1: they differ", "1 packages installed"),
    "rotate-the-key.md": ("ssh-ed25519", "platform"),
}


def run(world: World, found: list[blocks.Block]) -> str:
    """Run blocks in their order; what the reader would see."""
    return "".join(
        world.shell(block.code) if block.language == "sh" else world.cell(block.language, block.code) for block in found
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page(world: World, page: Path) -> None:
    output = run(world, [block for block in TESTED[page] if not block.slow])
    missing = [words for words in SEEN.get(page.name, ()) if words not in output]
    assert missing == [], output


@pytest.mark.full
def test_the_commands_that_take_long(world: World) -> None:
    output = run(world, [block for found in TESTED.values() for block in found if block.slow])
    assert [words for words in ("Install the R packages of core", "humanize==", " passed") if words not in output] == []
