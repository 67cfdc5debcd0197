"""The tasks on the other versions of pyinfra that run inside images, and there too what pyinfra's own operations do.

The older releases' Python has none of the tests' syntax: so the versions run on this one.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tasks.releases import RELEASES

from .conftest import ROOT

OTHERS = sorted({row.pyinfra for row in RELEASES.values()} - {version("pyinfra")})


@pytest.mark.full
@pytest.mark.parametrize("number", OTHERS)
def test_all_of_this_folder(number: str, tmp_path: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    python = tmp_path / "venv/bin/python"
    tools = [f"{name}=={version(name)}" for name in ("pytest", "pytest-timeout", "hypothesis", "certifi", "rich")]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, f"pyinfra=={number}", *tools], check=True)
    ran = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/operations"]
    done = subprocess.run(ran, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


def test_there_are_others() -> None:
    assert len(OTHERS) == 2
