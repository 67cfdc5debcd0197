"""The module uv: it is the program of that name, with its arguments and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

JUPYTER = Path(__file__).resolve().parents[3] / "files" / "jupyter"


@pytest.mark.parametrize("there", [True, False])
def test_python_m_uv_is_the_program(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "uv").write_text('#!/bin/sh\necho "$*"\nexit 3\n')
        (tmp_path / "uv").chmod(0o755)
    (tmp_path / "uv.py").symlink_to(JUPYTER / "uv.py")
    env = {**os.environ, "PATH": str(tmp_path) + (":/usr/bin:/bin" if there else ""), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "uv", "pip", "install", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    expected = (3, "pip install x\n", "") if there else (1, "", "uv: expected the program uv in a folder of PATH\n")
    assert (done.returncode, done.stdout, done.stderr) == expected
