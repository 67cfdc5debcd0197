"""Facts of targets that are not as our image: nothing is there yet, or other versions of the tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.facts.files import PathStats
from tasks.facts.venv import UncompiledSources, VenvDamage

from .test_fact_commands import ask


@pytest.mark.parametrize("name", ["missing", "file"])
def test_programs_that_are_not_there_yet_have_no_sources(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    assert ask(UncompiledSources(), folder=str(tmp_path / name)) == []
    assert ask(VenvDamage(), env=str(tmp_path / name / "env"), ours=[]).damaged == {}


@pytest.mark.parametrize("kind", ["fuseblk", "fuse", "ext2/ext3"])
def test_a_mounted_folder_by_each_coreutils(tmp_path: Path, kind: str) -> None:
    stat = tmp_path / "stat"
    stat.write_text(f'#!/bin/sh\n[ "$1" != -f ] || exec echo "fs|{kind}|{tmp_path}"\nexec /usr/bin/stat "$@"\n')
    stat.chmod(0o755)
    shown = subprocess.run(
        ["sh", "-c", PathStats().command([str(tmp_path)])], env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (found,) = (what for path, what in PathStats().process(shown.stdout.splitlines()).items() if path == str(tmp_path))
    assert (found == ("fuse",)) is kind.startswith("fuse"), shown.stdout
