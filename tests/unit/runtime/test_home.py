"""Handing over the home: never what is in the project, never through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from melda_runtime import home
from melda_runtime.account import Account

OTHER = Account("melda", 1001, 1001, (1001,), "", "/bin/bash")
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can change owners")


def owner(path: Path) -> int:
    return path.lstat().st_uid


def test_everything_but_the_project(tmp_path: Path) -> None:
    for name in ("home/.config/deep", "home/project/deep", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("home/file", "home/.config/deep/file", "home/project/file", "outside/file"):
        (tmp_path / name).write_text("x")
    top = tmp_path / "home"
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "hard").hardlink_to(tmp_path / "outside" / "file")
    user = OTHER._replace(home=str(top))
    assert home.own(user, str(top / "project")) == 6
    assert {owner(top / name) for name in (".", "file", "link", ".config/deep/file")} == {1001}
    assert {owner(top / name) for name in ("project", "project/file", "hard")} == {0}
    assert {owner(tmp_path / name) for name in ("outside", "outside/file")} == {0}
    assert home.own(user, str(top / "project")) == 0
