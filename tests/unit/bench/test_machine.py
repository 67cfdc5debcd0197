"""Facts about a run: of what commit it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import machine

FILES = ("bench/results.json", "bench/results.md", "bench/charts/memory.svg", "bench/charts.py", "deploy.py")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_what_a_run_writes_itself_is_no_change_of_what_it_measures(repository: Path, name: str) -> None:
    commit = machine.revision(repository)
    assert len(commit) == 12
    (repository / name).write_text("after")
    measured = name in ("bench/charts.py", "deploy.py")
    assert machine.revision(repository) == commit + (" with changes" if measured else "")


def test_what_is_no_repository_is_unknown(tmp_path: Path) -> None:
    assert machine.revision(tmp_path) == "unknown"
