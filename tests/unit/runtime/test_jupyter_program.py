"""Jupyter's process: it loads its code at once, and serves when it is told to, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import RUNTIME

# What a server would see, in the place of Jupyter's.
SERVER = """
import json, os, sys
print("loaded", os.environ["PATH"], flush=True)
def main():
    seen = {name: value for name, value in os.environ.items() if "PATH" in name}
    print(json.dumps({"cwd": os.getcwd(), "argv": sys.argv, "stdin": sys.stdin.read(), "seen": seen}), flush=True)
    return 3 if "--fail" in sys.argv else None
"""


@pytest.fixture(params=["notebook", "jupyterhub"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command's name, and its process, which has loaded the server's code."""
    name = request.param
    command = {"notebook": "jupyter-notebook", "jupyterhub": "jupyterhub-singleuser"}[name]
    info = tmp_path / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nother = nothing:main\n{command} = server_code:main\n")
    (tmp_path / "server_code.py").write_text(SERVER)
    (tmp_path / "project").mkdir()
    variables = {"PYTHONPATH": str(tmp_path), "PATH": "/bin", "MELDA_LATER_PATH": "/project/bin:/bin"}
    variables |= {"JUPYTERHUB_API_TOKEN": "x"} if name == "jupyterhub" else {}
    argv = [sys.executable, str(RUNTIME / "jupyter_notebook.py"), str(tmp_path / "project"), "--fail"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "loaded /bin\n"
        yield command, process


def test_it_serves_in_the_project_when_everything_is_ready(
    program: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    command, process = program
    out, _ = process.communicate("\n", timeout=20)
    seen = {"PYTHONPATH": str(tmp_path), "PATH": "/project/bin:/bin"}
    assert json.loads(out) == {"cwd": str(tmp_path / "project"), "argv": [command, "--fail"], "stdin": "", "seen": seen}
    assert process.returncode == 3


def test_it_never_serves_if_the_preparation_ended(program: tuple[str, subprocess.Popen[str]]) -> None:
    out, _ = program[1].communicate(timeout=20)
    assert (out, program[1].returncode) == ("", 1)
