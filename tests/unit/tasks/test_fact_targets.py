"""Facts of targets that are not as our image: nothing is there yet, or other versions of the tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tasks.facts.files import THEIRS, UNTOLD, PathStats
from tasks.facts.venv import Damage, UncompiledSources, VenvDamage
from tasks.lib import target_python

from .test_fact_commands import ask


@pytest.mark.parametrize("name", ["missing", "file"])
def test_programs_that_are_not_there_yet_have_no_sources(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    assert ask(UncompiledSources(), folder=str(tmp_path / name)) == []
    assert ask(VenvDamage(), env=str(tmp_path / name / "env"), ours=[]).damaged == {}


@pytest.mark.parametrize(
    "text", [None, "", "#!/bin/sh\necho \"No module named 'json'\" >&2\nexit 1\n", "#!/bin/sh\necho something\n"]
)
def test_a_python_that_does_not_run_says_that_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """With a python3 that was gone, or empty, each run said that all was well. An operation of the same run puts it back."""
    python = tmp_path / "python3"
    if text is not None:
        python.write_text(text)
        python.chmod(0o755)
    monkeypatch.setattr(target_python, "PYTHON", str(python))
    for fact, arguments in (
        (UncompiledSources(), {"folder": str(tmp_path)}),
        (VenvDamage(), {"env": str(tmp_path), "ours": []}),
    ):
        shown = subprocess.run(["sh", "-c", fact.command(**arguments)], capture_output=True, text=True, check=True)
        lines = shown.stdout.splitlines()
        assert (fact.process(lines) if lines else fact.default()) == fact.default()
    assert (UncompiledSources.default(), VenvDamage.default()) == ([UNTOLD], Damage(failed=True))


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


@pytest.mark.skipif(os.geteuid() != 0, reason="folders that are root's, and others'")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "somebodys"),
    [
        (0, 0, 0o755, False),
        (0, 0, 0o775, False),
        (0, 50, 0o2775, False),
        (0, 1001, 0o755, False),
        (0, 1001, 0o775, True),
        (0, 0, 0o757, True),
        (0, 50, 0o2777, True),
        (0, 0, 0o1777, False),
        (1001, 0, 0o755, True),
        (1001, 0, 0o1777, True),
    ],
)
def test_a_folder_above_that_others_may_write_to_is_theirs(
    tmp_path: Path, owner: int, group: int, mode: int, somebodys: bool
) -> None:
    """Whoever may, gives what root runs another name, and another program its own."""
    folder = tmp_path / "it's"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(mode)
    question = {"paths": [f"{folder}/x"]}
    assert ask(PathStats(), **question) == ({str(folder): THEIRS} if somebodys else {})
    together = PathStats.merged([question, {"paths": [str(folder)]}])
    answer = PathStats.part(ask(PathStats(), **together), set(together["paths"]), **question)
    assert answer == ({str(folder): THEIRS} if somebodys else {})
