"""A file that is uploaded in chunks is opened once and closed once: in a bucket each close is an upload."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from melda.jupyter import saving, uploads
from tornado import web

from tests.container.machines import until


def manager(root: Path, kept: uploads.Uploads) -> Any:
    """One of a class like jupyter_server's LargeFileManager."""

    class Files:
        def _get_os_path(self, path: str) -> str:
            return str(root / path)

        def save(self, model: dict[str, Any], path: str = "") -> str:
            target = saving.followed(self._get_os_path(path.strip("/")))
            if model.get("chunk") in (None, 1):
                Path(target).write_bytes(model["content"])
            else:
                with kept.appending(target, "ab") as stream:
                    stream.write(model["content"])
            return path

    return uploads.kept_open(Files, kept)()


@pytest.fixture
def kept() -> uploads.Uploads:
    return uploads.Uploads()


@pytest.fixture
def files(kept: uploads.Uploads, tmp_path: Path) -> Any:
    return manager(tmp_path, kept)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was opened to be appended to."""
    found: list[Any] = []

    def watched(path: str, mode: str) -> Any:
        found.append(open(path, mode))  # noqa: SIM115 whoever is tested closes it
        return found[-1]

    monkeypatch.setattr(uploads, "open", watched, raising=False)
    return found


def chunk(number: int, content: bytes = b"x") -> dict[str, Any]:
    return {"type": "file", "chunk": number, "content": content}


def test_it_is_opened_once_and_closed_behind_the_last(files: Any, opened: list[Any], tmp_path: Path) -> None:
    for number, content in ((1, b"a"), (2, b"b"), (3, b"c"), (-1, b"d")):
        assert files.save(chunk(number, content), "/big") == "/big"
        assert (tmp_path / "big").read_bytes()[-1:] == content, "what was sent is there"
        assert [stream.closed for stream in opened] == [number == -1] * (number != 1)
    assert (tmp_path / "big").read_bytes() == b"abcd"
    assert len(opened) == 1


def test_one_chunk_is_a_file_and_a_save_is_a_save(files: Any, opened: list[Any], tmp_path: Path) -> None:
    files.save({"content": b"whole"}, "small")
    files.save(chunk(-1, b"!"), "small")
    assert (tmp_path / "small").read_bytes() == b"whole!" and [stream.closed for stream in opened] == [True]


def test_who_begins_anew_begins_at_the_beginning(files: Any, opened: list[Any], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("big")
    for number, content in ((1, b"a"), (2, b"b"), (1, b"c"), (2, b"d"), (-1, b"e")):
        files.save(chunk(number, content), "link")
    assert (tmp_path / "big").read_bytes() == b"cde"
    assert [stream.closed for stream in opened] == [True, True]


def test_two_files_at_a_time(files: Any, tmp_path: Path) -> None:
    for number in (1, 2, -1):
        for name in "ab":
            files.save(chunk(number, name.encode()), name)
    assert (tmp_path / "a").read_bytes() == b"aaa" and (tmp_path / "b").read_bytes() == b"bbb"


def test_a_chunk_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path, opened: list[Any]) -> None:
    files = manager(tmp_path, uploads.Uploads(0.01))
    files.save(chunk(1), "big")
    files.save(chunk(2), "big")
    until(lambda: opened[0].closed, "it is closed")
    files.save(chunk(-1, b"y"), "big")
    assert (tmp_path / "big").read_bytes() == b"xxy", "who comes late goes on"


def test_what_cannot_be_kept_is_an_error_of_the_last_chunk(
    files: Any, monkeypatch: pytest.MonkeyPatch, opened: list[Any]
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    files.save(chunk(1), "big")
    monkeypatch.setattr(uploads.os, "fsync", full)
    with pytest.raises(web.HTTPError, match="saving file: big .*No space left on device"):
        files.save(chunk(-1), "big")
    assert opened[0].closed


def test_a_chunk_that_fails_leaves_nothing_open(kept: uploads.Uploads, opened: list[Any]) -> None:
    with pytest.raises(OSError, match="No space left"), kept.appending("/dev/full", "wb") as stream:
        stream.write(b"x")
    assert opened[0].closed
    kept.close("/dev/full")


def test_uploads_that_nobody_ends_cost_one_thread_and_a_few_descriptors(tmp_path: Path, opened: list[Any]) -> None:
    files, before = manager(tmp_path, uploads.Uploads(0.2, most=3)), set(threading.enumerate())
    for name in map(str, range(20)):
        files.save(chunk(1), name)
        files.save(chunk(2), name)
    assert len(set(threading.enumerate()) - before) <= 1
    assert sum(not stream.closed for stream in opened) <= 3
    files.save(chunk(-1, b"y"), "19")
    assert (tmp_path / "19").read_bytes() == b"xxy", "one that was not kept open goes on"
    until(lambda: all(stream.closed for stream in opened), "all are closed")
    until(lambda: set(threading.enumerate()) <= before, "nobody waits any more")
    files.save(chunk(2), "again")
    until(lambda: opened[-1].closed, "and somebody does again", 10)


def test_without_a_thread_a_file_is_closed_at_once(
    files: Any, opened: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    files.save(chunk(1), "big")
    files.save(chunk(2), "big")
    assert opened[0].closed and (tmp_path / "big").read_bytes() == b"xx"
    monkeypatch.undo()
    files.save(chunk(3), "big")
