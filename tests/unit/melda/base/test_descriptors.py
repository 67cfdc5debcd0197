"""Folders that somebody may rename meanwhile: opened name by name, and changed as what was opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base import descriptors

from tests.unit import open_files

root = pytest.mark.skipif(os.getuid() != 0, reason="only root's folders may hold links")


@root
def test_a_link_is_followed_where_only_root_can_have_put_it(tmp_path: Path) -> None:
    run = descriptors.folder("/var/run", os.O_PATH)
    assert descriptors.identity(run) == (os.stat("/run").st_dev, os.stat("/run").st_ino)
    os.close(run)
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "folder").mkdir()
    for path in ("link", "link/ssl", "folder/../link"):
        with pytest.raises(OSError, match="'link' on the way is a symbolic link"):
            descriptors.folder(str(tmp_path / path))
    for path, reason in (("none", "No such file"), ("/etc/passwd", "Not a directory")):
        with pytest.raises(OSError, match=reason):
            descriptors.folder(str(tmp_path / path))


@root
def test_it_opens_what_it_is_asked_for_and_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with open_files.none_left():
        for flags in (os.O_RDONLY, os.O_PATH):
            number = descriptors.folder(str(tmp_path / "a" / "b"), flags)
            assert os.readlink(f"/proc/self/fd/{number}") == str(tmp_path / "a" / "b")
            os.close(number)
        with pytest.raises(OSError):
            descriptors.folder(str(tmp_path / "a" / "none"), os.O_PATH)


@root
@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_an_owner_is_changed_of_what_was_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "one")
    number = os.open(tmp_path / "one", os.O_PATH | os.O_NOFOLLOW)
    (tmp_path / "one").rename(tmp_path / "other")
    (tmp_path / "one").symlink_to("/etc/passwd")
    descriptors.change_owner(number, 1001, 1002)
    os.close(number)
    changed = (tmp_path / "other").lstat()
    assert (changed.st_uid, changed.st_gid) == (1001, 1002)
    assert {(tmp_path / "one").lstat().st_uid, os.stat("/etc/passwd").st_uid} == {0}
    with pytest.raises(OSError, match="Bad file descriptor"):
        descriptors.change_owner(number, 1001, 1002)


@pytest.mark.parametrize("vanishes", [False, True])
def test_names_are_cleared_and_a_folder_that_goes_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vanishes: bool
) -> None:
    """On a host its user goes on while a unit starts, and whoever may rename may do that."""
    for name in ("folder/x", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "kept").touch()
    rename = os.rename

    def renamed(source: str, target: str, **options: int) -> None:
        if vanishes:
            rename(tmp_path / source, tmp_path / "elsewhere")
        rename(source, target, **options)

    monkeypatch.setattr(descriptors.os, "rename", renamed)
    descriptors.clear_names(str(tmp_path), ("none", "folder", "file"))
    left = sorted(name.partition(".set-aside-")[0] for name in os.listdir(tmp_path))
    assert left == sorted(["elsewhere" if vanishes else "folder", "kept", "other"])
