"""Half of a replaced file that a killed container left in the project goes with a later start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from melda.sync.on_disk import unfinished_files

LEFT = "jupyterlab-settings.json.0123456789abcdef"


@pytest.mark.parametrize("listed", [True, False])
def test_only_what_is_left_goes(tmp_path: Path, listed: bool) -> None:
    young = "image.json." + 16 * "a"
    others = ["image.json", "mine.0123456789abcdef", "x.json.0123456789abcde", "folder.json.0123456789abcdef", young]
    for name in (LEFT, *others):
        (tmp_path / name).mkdir() if name.startswith("folder") else (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, None if name == young else (1, 1))
    unfinished_files.remove(str(tmp_path), sorted(os.listdir(tmp_path)) if listed else None)
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_nothing_fails_with_it(tmp_path: Path) -> None:
    unfinished_files.remove(str(tmp_path / "none"), None)
    unfinished_files.remove(str(tmp_path), [LEFT])
