"""A save that fails leaves what was there, and nothing half written."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from melda.jupyter import saving

ROOM = 4096  # bytes a file may have; a limit fails where a full disk does: when the buffer is written


@pytest.fixture
def full() -> Iterator[None]:
    """No file gets larger than ROOM."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [ROOM + 1, 100 * ROOM])
@pytest.mark.parametrize("text", [True, False])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, full: None, size: int, text: bool) -> None:
    """Small enough for the buffer, it shows only when that is flushed; else while it is written."""
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    with pytest.raises(OSError) as caught, saving.writing(str(path), text=text) as stream:
        stream.write("x" * size if text else b"x" * size)
    assert caught.value.errno == errno.EFBIG
    assert content(tmp_path) == {"a.ipynb": "old"}


def test_a_full_disk_leaves_no_new_file_and_says_what_it_was(tmp_path: Path, full: None) -> None:
    with pytest.raises(OSError) as caught, saving.writing(str(tmp_path / "new.ipynb")) as stream:
        stream.write("x" * (ROOM + 1))
    assert caught.value.errno == errno.EFBIG, "and not that there is no backup"
    assert content(tmp_path) == {}


def test_no_room_for_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text("old")

    def half(_: str, target: str) -> None:
        Path(target).write_text("o")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(saving.shutil, "copyfile", half)
    with pytest.raises(OSError, match="No space left"), saving.writing(str(path)):
        pytest.fail("it is not opened")
    assert content(tmp_path) == {"a.ipynb": "old"}


def test_what_the_writer_raises_is_what_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    for before in ({}, {"a.ipynb": "old"}):
        with pytest.raises(ZeroDivisionError), saving.writing(str(path)) as stream:
            stream.write("half")
            raise ZeroDivisionError
        assert content(tmp_path) == before
        path.write_text("old")


def test_a_save(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.ipynb"
    link.symlink_to("real/a.ipynb")
    for text in ("one\n", "two\n"):
        with saving.writing(str(link)) as stream:
            stream.write(text)
        assert content(tmp_path) == {"link.ipynb": text, "real/a.ipynb": text}
    assert link.is_symlink(), "what it leads to was written"


@pytest.fixture(params=["copy", "copy_in_thread"])
def copy(request: pytest.FixtureRequest) -> Callable[[Path, Path], None]:
    """Both of them."""
    if request.param == "copy":
        return lambda source, target: saving.copy(str(source), str(target))
    return lambda source, target: asyncio.run(saving.copy_in_thread(str(source), str(target)))


@pytest.mark.parametrize("name", ["c" * 251 + ".txt", "中" * 83 + ".ipynb", "c" * 250 + ".md"])
def test_a_name_of_full_length_is_saved_again(tmp_path: Path, name: str) -> None:
    """A file with such a name could be made, and its changes never saved: its backup had a name that was too long."""
    path = tmp_path / name
    for text in ("old", "new"):
        with saving.writing(str(path)) as stream:
            stream.write(text)
    with pytest.raises(ZeroDivisionError), saving.writing(str(path)):
        raise ZeroDivisionError
    assert ([path], path.read_text()) == (list(tmp_path.iterdir()), "new")


def test_a_full_disk_leaves_no_half_checkpoint(tmp_path: Path, full: None, copy: Callable[[Path, Path], None]) -> None:
    """Who goes back to it would find an empty notebook."""
    large, checkpoint = Path(os.devnull).parent / "zero", tmp_path / saving.CHECKPOINTS / "a.ipynb"
    checkpoint.parent.mkdir()
    checkpoint.write_text("older")
    with pytest.raises(OSError):
        copy(large, checkpoint)
    assert content(tmp_path) == {}


def test_a_full_disk_when_one_goes_back_to_a_checkpoint(
    tmp_path: Path, request: pytest.FixtureRequest, copy: Callable[[Path, Path], None]
) -> None:
    large, notebook = tmp_path / "large", tmp_path / "a.ipynb"
    large.write_text("x" * (ROOM + 1))
    notebook.write_text("new")
    request.getfixturevalue("full")
    with pytest.raises(OSError):
        copy(large, notebook)
    assert notebook.read_text() == "new" and len(content(tmp_path)) == 2


def test_a_copy(tmp_path: Path, copy: Callable[[Path, Path], None]) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    for text in ("one", "two"):
        source.write_text(text)
        copy(source, target)
        assert content(tmp_path) == {"a": text, "b": text}
    source.chmod(0o400)
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            copy(source, tmp_path / "c")


def test_it_takes_the_place_of_jupyters(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(saving.FILES[0])
    monkeypatch.setitem(sys.modules, saving.FILES[0], module)
    monkeypatch.delitem(sys.modules, saving.FILES[1], raising=False)
    saving.install()
    assert vars(module)["atomic_writing"] is saving.writing
    assert (vars(module)["copy2_safe"], vars(module)["async_copy2_safe"]) == (saving.copy, saving.copy_in_thread)


def test_a_checkpoint_of_a_long_name_has_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A notebook of 245 bytes and more was written, and each save was an error, as its checkpoint could not be."""

    class FileCheckpoints:
        def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
            return str(tmp_path / f"{path[:-6]}-{checkpoint_id}.ipynb")

    name = saving.FILES[0].replace("fileio", "filecheckpoints")
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(FileCheckpoints=FileCheckpoints))
    saving.install()
    paths = [FileCheckpoints().checkpoint_path("checkpoint", "ü" * count + ".ipynb") for count in (119, 120, 124)]
    assert os.path.basename(paths[0]) == "ü" * 119 + "-checkpoint.ipynb" and len(set(paths)) == 3
    for path in paths:
        Path(path).touch()


def test_an_end_waits_for_a_save_that_is_under_way(tmp_path: Path) -> None:
    """It left an empty file: the old content is gone when the new one begins."""
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    begun, goes_on = threading.Event(), threading.Event()

    def save() -> None:
        with saving.writing(str(path)) as stream:
            begun.set()
            goes_on.wait(60)
            stream.write("new")

    assert saving.unfinished(60) == []
    thread = threading.Thread(target=save, daemon=True)
    thread.start()
    assert begun.wait(60)
    assert saving.unfinished(0.01) == [str(path)]
    goes_on.set()
    assert saving.unfinished(60) == [] and content(tmp_path) == {"a.ipynb": "new"}
    thread.join()
    with pytest.raises(ZeroDivisionError), saving.writing(str(path)):
        1 // 0  # noqa: B018
    assert saving.unfinished(60) == []
