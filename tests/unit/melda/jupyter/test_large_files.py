"""A file that is too large is not read: neither opened, nor for its hash, nor to copy it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.base import memory
from melda.jupyter import large_files
from tornado import web


class Files:
    """Jupyter's, of the project ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: list[str] = []

    def _get_os_path(self, path: str) -> str:
        return str(self.root / path)

    def _read_file(self, os_path: str, format: str | None, raw: bool = False) -> str:  # noqa: A002 its name there
        self.read.append(Path(os_path).name)
        return "read"

    def get(self, path: str, content: bool = True) -> dict[str, Any]:
        if path.startswith("."):
            raise web.HTTPError(404)
        return {"path": path.strip("/"), "content": self._read_file(self._get_os_path(path), None) if content else None}

    def copy(self, from_path: str, to_path: str | None = None) -> str:
        return f"Jupyter copies {from_path}"

    def dir_exists(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def increment_filename(self, name: str, path: str, insert: str) -> str:
        stem, _, ending = name.partition(".")
        return f"{stem}{insert}1.{ending}"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(memory, "limit", lambda: 16000)
    for name, size in (("a.csv", 501), ("small.csv", 500), ("a.ipynb", 1001), ("small.ipynb", 1000), (".hidden", 501)):
        (tmp_path / name).write_bytes(b"a" * size)
    (tmp_path / "folder").mkdir()
    return large_files.refused(Files)(tmp_path)


@pytest.mark.parametrize("name", ["a.csv", "a.ipynb"])
def test_it_is_refused_with_a_way_out(files: Any, name: str) -> None:
    for how in ((None,), ("byte",), ("text", True)):
        with pytest.raises(web.HTTPError) as refused:
            files._read_file(files._get_os_path(name), *how)
        assert refused.value.status_code == 413
        assert str(refused.value.log_message).startswith(f"{name} is too large to be opened here")
        assert "download it" in str(refused.value.log_message)
    assert files.read == []


def test_all_else_is_jupyters(files: Any) -> None:
    for name in ("small.csv", "small.ipynb", "nowhere", "\0"):
        assert files._read_file(files._get_os_path(name), None) == "read"
    assert files.copy("/small.csv") == "Jupyter copies /small.csv" and files.copy("folder") == "Jupyter copies folder"


@pytest.mark.parametrize(
    ("to_path", "path"),
    [(None, "a-Copy1.csv"), ("folder", "folder/a-Copy1.csv"), ("/folder/b.csv", "folder/b.csv"), ("", "a-Copy1.csv")],
)
def test_a_copy_is_made_in_pieces(files: Any, tmp_path: Path, to_path: str | None, path: str) -> None:
    assert files.copy("/a.csv", to_path) == {"path": path, "content": None}
    assert (tmp_path / path).read_bytes() == (tmp_path / "a.csv").read_bytes() and files.read == []


def test_a_copy_that_fails_leaves_nothing_and_what_is_hidden_stays_so(files: Any, tmp_path: Path) -> None:
    with pytest.raises(web.HTTPError, match="copying file: a.csv"):
        files.copy("a.csv", "nowhere/b.csv")
    with pytest.raises(web.HTTPError) as refused:
        files.copy(".hidden")
    assert refused.value.status_code == 404 and not (tmp_path / "nowhere").exists()


def test_the_most_follows_the_memory() -> None:
    found = [large_files.most("a.csv", limit) >> 20 for limit in (None, 1 << 40, 2 << 30, 1 << 29)]
    assert found == [64, 64, 64, 16]
    assert large_files.most("a.ipynb", 2 << 30) >> 20 == 128
