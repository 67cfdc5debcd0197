"""A link is deleted and copied as a link; what it leads to stays, and is not read."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from melda.jupyter import links
from tornado import web


class Files:
    """Jupyter's, of the project ``root``."""

    allow_hidden = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def _get_os_path(self, path: str) -> str:
        return str(self.root / path)

    def is_hidden(self, path: str) -> bool:
        return "/." in "/" + path

    @contextlib.contextmanager
    def perm_to_403(self) -> Any:
        try:
            yield
        except PermissionError as error:
            raise web.HTTPError(403) from error

    def delete_file(self, path: str) -> None:
        if self.is_hidden(path):
            raise web.HTTPError(400)
        found = self._get_os_path(path)
        if os.path.isdir(found):
            shutil.rmtree(found)
        else:
            os.unlink(found)

    def get(self, path: str, content: bool = True) -> str:
        return path


@pytest.fixture
def files(tmp_path: Path) -> Any:
    (tmp_path / "project/folder/below").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    (tmp_path / "project/folder/file").write_text("1")
    for name, target in (
        ("outside", "../outside"), ("root", "/"), ("dangling", "nowhere"), (".hidden", "../outside"),
        ("self", "self"), ("folder/below/up", ".."), ("folder/root", "/"), ("folder/dangling", "nowhere"),
    ):  # fmt: skip
        (tmp_path / "project" / name).symlink_to(target)
    return links.kept(Files)(tmp_path / "project")


@pytest.mark.parametrize("name", ["outside", "root", "dangling", "self", "folder/root", "/outside/"])
def test_of_a_link_nothing_else_is_deleted(files: Any, name: str) -> None:
    files.delete_file(name)
    assert not os.path.lexists(files.root / name.strip("/"))
    assert (files.root.parent / "outside" / "file").read_text() == "mine" and os.listdir("/")


def test_what_is_no_link_or_hidden_is_jupyters_to_delete(files: Any) -> None:
    files.delete_file("folder")
    assert not (files.root / "folder").exists()
    with pytest.raises(web.HTTPError):
        files.delete_file(".hidden")
    assert (files.root / ".hidden").is_symlink()


def test_a_copy_does_not_hold_what_links_lead_to(files: Any) -> None:
    """It would be all files of the container, without an end where a link leads upwards."""
    assert files._copy_dir("folder", "None", "folder-Copy1", "/folder-Copy1") == "/folder-Copy1"
    copy = files.root / "folder-Copy1"
    assert {name: os.readlink(copy / name) for name in ("below/up", "root", "dangling")} == {
        "below/up": "..", "root": "/", "dangling": "nowhere",
    }  # fmt: skip
    assert (copy / "file").read_text() == "1"
    files._copy_dir("outside", "folder", "outside", "folder/outside")
    assert (files.root / "folder/outside/file").read_text() == "mine" and (files.root / "folder/outside").is_symlink()


def test_a_copy_that_fails_says_why(files: Any) -> None:
    with pytest.raises(web.HTTPError, match="File exists"):
        files._copy_dir("folder", "None", "outside", "outside")
