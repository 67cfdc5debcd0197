"""tasks/environment.py: melda-env, its code and uv's locked hash."""

from __future__ import annotations

from tasks import environment
from tasks.lib import files

from .conftest import Run, in_place

SRC = "/usr/src/melda-jupyter"
PUT = "Install what makes the same environment for a fork"
FOLDER = files.Entry(SRC, mode="755")
UV = files.Entry(f"{SRC}/uv.txt", files.source("jupyter/uv.txt"))
PROGRAMS = [FOLDER, UV]


def test_fresh(run: Run) -> None:
    assert b"--hash=sha256:" in run(environment.environment).uploads[f"{SRC}/uv.txt.melda-new"]


def test_already_there(run: Run) -> None:
    assert run(environment.environment, {files.Paths: in_place(PROGRAMS)}) == {}


def test_half_there(run: Run) -> None:
    half = {**in_place(PROGRAMS), UV.path: ("file", "666", "root", "root", "0" * 64)}
    assert list(run(environment.environment, {files.Paths: half}).uploads) == [f"{SRC}/uv.txt.melda-new"]


def test_another_place(run: Run) -> None:
    assert list(run(environment.environment, src="/opt/melda").uploads) == ["/opt/melda/uv.txt.melda-new"]
