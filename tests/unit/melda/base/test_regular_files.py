"""Files that somebody else put there: what is no regular file is not opened, what is too large not read."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base import regular_files

from tests.unit import open_files


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        # 108 characters are the longest name of a socket.
        where = os.open(path.parent, os.O_DIRECTORY)
        one.bind(f"/proc/self/fd/{where}/{path.name}")
        os.close(where)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def to_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


def circle(path: Path) -> None:
    path.symlink_to("other")
    path.with_name("other").symlink_to(path.name)


def larger(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(10 << 30)


def by_a_byte(path: Path) -> None:
    path.write_bytes(b"x" * 11)


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (fifo, errno.EINVAL), (listening, errno.EINVAL), (device, errno.EINVAL), (folder, errno.EINVAL),
        (to_a_fifo, errno.EINVAL), (circle, errno.ELOOP), (larger, errno.EFBIG), (by_a_byte, errno.EFBIG),
        (lambda path: None, errno.ENOENT),
    ],
)  # fmt: skip
def test_what_may_not_be_read_is_an_error_at_once(tmp_path: Path, make: Callable[[Path], None], number: int) -> None:
    make(tmp_path / "x")
    where = os.open(tmp_path, os.O_DIRECTORY)
    with open_files.none_left():
        for path, beginning in ((str(tmp_path / "x"), None), ("x", where)):
            with pytest.raises(OSError) as failed:
                regular_files.read(path, 10, beginning)
            assert (failed.value.errno, failed.value.filename) == (number, path)
    os.close(where)


def test_what_may_be_read_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("x")
    where = os.open(tmp_path, os.O_DIRECTORY)
    assert regular_files.read("x", 10, where) == regular_files.read("link", 10, dir_fd=where) == b"0123456789"
    assert regular_files.head("x", 4, where) == b"0123"
    os.close(where)
    assert regular_files.head(str(tmp_path / "link"), 99) == b"0123456789"
    assert regular_files.read("/proc/self/stat", 10_000).startswith(str(os.getpid()).encode())
    with pytest.raises(OSError) as failed:
        regular_files.read("/proc/self/stat", 5)
    assert failed.value.errno == errno.EFBIG, "a file that says it is empty"


@pytest.mark.parametrize("ask", [regular_files.read, regular_files.head])
def test_no_link_is_followed_where_none_may_be(tmp_path: Path, ask: Callable[..., bytes]) -> None:
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "link").symlink_to("x")
    assert ask(str(tmp_path / "x"), 9, follow=False) == b"1"
    with pytest.raises(OSError):
        ask(str(tmp_path / "link"), 9, follow=False)


@pytest.mark.parametrize("follow", [True, False])
def test_what_takes_the_place_between_the_look_and_the_open_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    (tmp_path / "x").write_bytes(b"1")
    of_a_file = os.stat(tmp_path / "x")
    (tmp_path / "x").unlink()
    os.mkfifo(tmp_path / "x")
    monkeypatch.setattr(regular_files.os, "stat", lambda *a, **k: of_a_file)
    with open_files.none_left(), pytest.raises(OSError) as failed:
        regular_files.read(str(tmp_path / "x"), 9, follow=follow)
    assert failed.value.errno == errno.EINVAL
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(OSError) as failed:
        regular_files.read(str(tmp_path / "link"), 9, follow=follow)
    assert failed.value.errno == (errno.EINVAL if follow else errno.ELOOP)


def test_who_waits_at_a_fifo_goes_on_waiting(tmp_path: Path) -> None:
    """It is not opened: a writer that waits for a reader would take us for one."""
    path = tmp_path / "x"
    os.mkfifo(path)
    opened: list[str] = []
    real = os.open

    def note(name: str, *more: object, **named: object) -> int:
        opened.append(str(name))
        return real(name, *more, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regular_files.os, "open", note)
        with pytest.raises(OSError):
            regular_files.read(str(path), 9)
    assert opened == [] and stat.S_ISFIFO(path.stat().st_mode)


def test_a_lease_of_somebody_elses_holds_nobody_back(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"1")
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if not child:  # a lease is broken by an open of another process
        held = os.open(path, os.O_RDWR)
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # which tells it of the open
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.write(ready[1], b"x")
        os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with pytest.raises(BlockingIOError):
        regular_files.read(str(path), 9)
    os.write(done[1], b"x")
    os.waitpid(child, 0)
