"""Folders of the user: what stands in the way is set aside, whatever it is and whatever was set aside before."""

from __future__ import annotations

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
