"""Folders of the user: what stands in the way is set aside, whatever it is and whatever was set aside before."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest
from melda.base import folders


@pytest.mark.parametrize("kind", ["file", "dead link", "link to a folder"])
def test_what_stands_in_the_way_is_set_aside_each_time(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "R.set-aside").mkdir()
    for _ in range(2):
        if kind == "file":
            (tmp_path / "R").write_text("kept")
        else:
            (tmp_path / "R").symlink_to(tmp_path / ("other" if "folder" in kind else "nowhere"))
        made = Path(folders.make(str(tmp_path), "R", "lib"))
        assert made.is_dir() and not (tmp_path / "R").is_symlink()
        made.rmdir()
        (tmp_path / "R").rmdir()
    assert len(list(tmp_path.glob("R.set-aside-*"))) == 2


def test_a_link_to_a_folder_may_be_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("other")
    (tmp_path / "dead").symlink_to("nowhere")
    assert folders.make(str(tmp_path), "link", "in", links=True)
    assert (tmp_path / "other" / "in").is_dir() and (tmp_path / "link").is_symlink()
    folders.make(str(tmp_path), "dead", links=True)
    assert (tmp_path / "dead").is_dir() and not (tmp_path / "dead").is_symlink()


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert not folders.check(str(tmp_path / "none")) and list(tmp_path.iterdir()) == []


def test_what_cannot_be_looked_at_now_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that did not answer once: the folder with all of the user's packages was renamed."""
    (tmp_path / "R").mkdir()
    real = os.stat

    def silent(path: object, **named: bool) -> os.stat_result:
        if path == str(tmp_path / "R"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, **named)  # type: ignore[call-overload,no-any-return]

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", silent)
        with contextlib.suppress(OSError):
            folders.make(str(tmp_path), "R")
    assert [path.name for path in tmp_path.iterdir()] == ["R"]
