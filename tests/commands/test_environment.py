"""tasks/environment.py: melda-env, its code and uv's locked hash."""

from __future__ import annotations

from tasks import environment
from tasks.lib import files

from .conftest import Run, in_place

SRC = "/usr/src/melda-jupyter"
PUT = "Install what makes the same environment for a fork"
LINK = files.Entry("/usr/local/bin/melda-env", link=f"{SRC}/melda-env")
UV = files.Entry(f"{SRC}/uv.txt", files.source("jupyter/uv.txt"))
PROGRAMS = [*files.tree("environment", SRC, ("copy-fork", "melda-env", "restore-fork")), UV, LINK]


def test_fresh(run: Run) -> None:
    commands = run(environment.environment)
    new = f"{SRC}/melda-env.melda-new"
    assert commands.modes[new] == "755" and f" && mv -fT {new} {SRC}/melda-env" in "".join(commands[PUT])
    assert commands.modes[f"{SRC}/restore-fork.melda-new"] == "755"
    assert f"ln -sfnT {SRC}/melda-env /usr/local/bin/melda-env" in commands[PUT]
    for name in ("cli.py", "schema.json", "capture/python.py", "formats/renv.py", "restore/r.py"):
        assert f"{SRC}/melda_environment/{name}.melda-new" in commands.uploads
    assert b"--hash=sha256:" in commands.uploads[f"{SRC}/uv.txt.melda-new"]


def test_already_there(run: Run) -> None:
    assert run(environment.environment, {files.Paths: in_place(PROGRAMS)}) == {}


def test_half_there(run: Run) -> None:
    half = {**in_place(PROGRAMS), f"{SRC}/melda-env": ("file", "644", "root", "root", "0" * 64)}
    assert list(run(environment.environment, {files.Paths: half}).uploads) == [f"{SRC}/melda-env.melda-new"]


def test_another_place(run: Run) -> None:
    assert (
        "ln -sfnT /opt/melda/melda-env /usr/local/bin/melda-env" in run(environment.environment, src="/opt/melda")[PUT]
    )
