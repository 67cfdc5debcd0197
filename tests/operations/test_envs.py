"""tasks/envs.py: melda-env, its code and uv's locked hash."""

from __future__ import annotations

from tasks import envs
from tasks.facts.files import PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, in_place

SRC = "/usr/src/melda-jupyter"
PUT = "Install what makes the same environment for a fork"
FOLDER = ManagedFile(SRC, mode="755")
UV = ManagedFile(f"{SRC}/uv.txt", managed_files.source("jupyter/uv.txt"))
PROGRAMS = [FOLDER, UV]


def test_fresh(run: Run) -> None:
    assert b"--hash=sha256:" in run(envs.envs).uploads[f"{SRC}/uv.txt.melda-new"]


def test_already_there(run: Run) -> None:
    assert run(envs.envs, {PathStats: in_place(PROGRAMS)}) == {}


def test_half_there(run: Run) -> None:
    half = {**in_place(PROGRAMS), UV.path: ("file", "666", "root", "root", "0" * 64)}
    assert list(run(envs.envs, {PathStats: half}).uploads) == [f"{SRC}/uv.txt.melda-new"]


def test_another_place(run: Run) -> None:
    assert list(run(envs.envs, src="/opt/melda").uploads) == ["/opt/melda/uv.txt.melda-new"]
