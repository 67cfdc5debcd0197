"""Handing over the home: never what is in the project, never through a link."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from melda.base.users import Account
from melda.boot import home

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
    assert home.chown_home(user, str(top / "project")) == 6
    assert {owner(top / name) for name in (".", "file", "link", ".config/deep/file")} == {1001}
    assert {owner(top / name) for name in ("project", "project/file", "hard")} == {0}
    assert {owner(tmp_path / name) for name in ("outside", "outside/file")} == {0}
    assert home.chown_home(user, str(top / "project")) == 0


@pytest.mark.parametrize(("protected", "file"), [("1\n", 1001), ("0\n", 0), (None, 0)])
def test_files_stay_where_anybody_may_link_to_any_file(
    tmp_path: Path, protected: str | None, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other name of a link may be gone: passwd(1) replaces /etc/shadow, and what the user linked to has one name."""
    if protected is not None:
        (tmp_path / "protected").write_text(protected)
    monkeypatch.setattr(home, "PROTECTED", str(tmp_path / "protected"))
    (tmp_path / "home" / "project").mkdir(parents=True)
    (tmp_path / "home" / "folder").mkdir()
    (tmp_path / "home" / "file").touch()
    home.chown_home(OTHER._replace(home=str(tmp_path / "home")), str(tmp_path / "home" / "project"))
    assert owner(tmp_path / "home" / "file") == file
    assert owner(tmp_path / "home" / "folder") == 1001


def test_no_right_and_no_device_comes_with_the_owner(tmp_path: Path) -> None:
    top = tmp_path / "home"
    top.mkdir()
    (top / "program").touch()
    (top / "program").chmod(0o6755)
    os.mknod(top / "null", 0o20600, os.makedev(1, 3))
    home.chown_home(OTHER._replace(home=str(top)), str(top / "none"))
    assert owner(top / "program") == 1001
    assert (top / "program").stat().st_mode & 0o7777 == 0o755
    assert owner(top / "null") == 0


def test_a_project_is_left_out_whatever_it_is_called_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "home"
    (top / "project" / "deep").mkdir(parents=True)
    walk = home.walk.Walk

    def renamed(*given: Any) -> Any:
        (top / "project").rename(top / "elsewhere")
        return walk(*given)

    monkeypatch.setattr(home.walk, "Walk", renamed)
    home.chown_home(OTHER._replace(home=str(top)), str(top / "project"))
    assert owner(top / "elsewhere") == owner(top / "elsewhere" / "deep") == 0


def test_the_home_itself_is_one_that_its_user_may_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = tmp_path / "home"
    (top / "inner").mkdir(parents=True)
    for mode, after in ((0, 0o700), (0o755, 0o755), (0o500, 0o700), (0o2711, 0o2711)):
        top.chmod(mode)
        home.open_to(OTHER._replace(home=str(top)))
        assert (owner(top), top.stat().st_mode & 0o7777) == (1001, after)
    assert owner(top / "inner") == 0
    assert capsys.readouterr().err.count("\n") == 2
    (tmp_path / "link").symlink_to(top)
    with pytest.raises(OSError, match="is a symbolic link"):
        home.open_to(OTHER._replace(home=str(tmp_path / "link")))


def test_one_that_cannot_be_changed_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    top = tmp_path / "home"
    for name in ("a", "odd", "z"):
        (top / name).mkdir(parents=True)
    change = home.descriptors.change_owner

    def refuse(number: int, *owner: int) -> None:
        if os.readlink(f"/proc/self/fd/{number}").endswith("odd"):
            raise PermissionError(1, "Operation not permitted")
        change(number, *owner)

    monkeypatch.setattr(home.descriptors, "change_owner", refuse)
    assert home.chown_home(OTHER._replace(home=str(top)), str(top / "project")) == 3
    assert [owner(top / name) for name in ("a", "odd", "z")] == [1001, 0, 1001]
    assert capsys.readouterr().err == f"start-jupyter: 1 owners in {top} cannot be changed: Operation not permitted\n"
