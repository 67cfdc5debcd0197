"""A tree that somebody renames while it is walked over: nothing outside is touched, and nothing stops the walk."""

from __future__ import annotations

import gc
import os
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.base import descriptors, walk

from tests.unit import open_files
from tests.unit.deep_folders import descend
from tests.unit.melda.conftest import RUNTIME

root = pytest.mark.skipif(os.getuid() != 0, reason="only root's folders may hold links")
WIDE = 3_000
DEEP = 4_000  # tests/container/test_race.py goes on to 100,000


def clear(top: Path) -> None:
    """Remove them again: neither rmtree nor pytest can."""
    here, depth = os.open(top, os.O_RDONLY), 0
    while os.listdir(here):
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, depth = inner, depth + 1
    for _ in range(depth):
        above = os.open("..", os.O_RDONLY, dir_fd=here)
        os.rmdir("d", dir_fd=above)
        os.close(here)
        here = above
    os.close(here)


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "top").mkdir()
    number = os.open(tmp_path / "top", os.O_RDONLY)
    yield number
    os.close(number)


def everything(_: os.stat_result) -> bool:
    return True


def found(top: int, **given: list[descriptors.Identity]) -> set[str]:
    """Names of what the walk finds; a folder's with a slash."""
    names = set()
    for number, what in walk.Walk(top, everything, **given):
        assert os.fstat(number) == what
        name = os.readlink(f"/proc/self/fd/{number}").rsplit("/", 1)[-1]
        names.add(name + "/" * stat.S_ISDIR(what.st_mode))
    return names


def test_everything_below_but_nothing_through_a_link(top: int, tmp_path: Path) -> None:
    for name in ("top/a/b", "top/left/out", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("top/a/b/file", "top/left/out/other", "outside/secret"):
        (tmp_path / name).touch()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "top" / "fifo")
    left = (tmp_path / "top" / "left").stat()
    assert found(top, left_out=[(left.st_dev, left.st_ino)]) == {"a/", "b/", "file", "link", "fifo"}


def test_as_deep_as_may_be_with_few_descriptors(top: int, tmp_path: Path) -> None:
    descend(tmp_path / "top", DEEP)
    (tmp_path / "top" / "z").mkdir()
    try:
        with open_files.none_left() as before:
            most = count = 0
            for _ in walk.Walk(top, everything):
                count += 1
                if not count % 1_000:
                    most = max(most, len(open_files.numbers()))
        assert count == DEEP + 1, "also what comes after the way back"
        assert 0 < most - len(before) < 3 * walk.HELD
    finally:
        (tmp_path / "top" / "z").rmdir()
        clear(tmp_path / "top")


def memory(top: int) -> int:
    """Bytes that a walk takes at most."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in walk.Walk(top, everything))
        assert count >= WIDE
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_as_wide_as_may_be_in_little_memory(top: int, tmp_path: Path) -> None:
    """Who walks is PID 1, for which there is no more than for all of the container."""
    for number in range(WIDE):
        (tmp_path / "top" / f"{number:0200}").mkdir()
    assert memory(top) < WIDE * 100, "not a name of each"


def test_as_deep_as_may_be_in_little_memory(top: int, tmp_path: Path) -> None:
    descend(tmp_path / "top", DEEP)
    try:
        assert memory(top) < DEEP * 50, "not a level of each"
    finally:
        clear(tmp_path / "top")


def test_all_that_branches_deep_down(top: int, tmp_path: Path) -> None:
    """The way back is many levels, where nothing is to come in those between."""
    last = tmp_path / "top" / "/".join("d" * (walk.HELD + 3))
    for name in "abc":
        for inner in "xyz":
            (last / name / "d" / "d" / inner / "d" / "d").mkdir(parents=True)
            (last / name / "d" / "d" / inner / "d" / "d" / f"{name}{inner}").touch()
    with open_files.none_left():
        assert {name for name in found(top) if len(name) == 2 and "/" not in name} == {
            a + b for a in "abc" for b in "xyz"
        }
        assert sum(1 for _ in walk.Walk(top, everything)) == walk.HELD + 3 + 3 * (3 + 3 * 4)


def test_too_many_deep_down_are_said(
    top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(walk, "MOST", 10)
    last = tmp_path / "top" / "/".join("d" * (walk.HELD + 3))
    for number in range(30):
        (last / f"n{number}").mkdir(parents=True)
        (last / f"f{number}").touch()
        (tmp_path / "top" / f"n{number}").mkdir()
    names = list(walk.Walk(top, everything))
    assert len(names) == walk.HELD + 3 + 30 + 30 + 10
    assert f"20 folders deeper than {walk.HELD} levels are not looked at" in capsys.readouterr().err


def test_a_walk_that_is_left_early_leaves_no_descriptor(top: int, tmp_path: Path) -> None:
    descend(tmp_path / "top", walk.HELD + 3)
    with open_files.none_left():
        for count, _ in enumerate(walk.Walk(top, everything)):
            if count > walk.HELD:
                break
        gc.collect()


def test_what_is_moved_away_meanwhile_does_not_lead_out(top: int, tmp_path: Path) -> None:
    """Deep down ".." is another folder by then: the walk goes on where it knows where it is."""
    depth = walk.HELD + 20
    descend(tmp_path / "top", depth)
    (tmp_path / "top" / "z").mkdir()
    last = tmp_path / "top" / "/".join("d" * depth)
    for number in range(9):  # names still to come when the walk leaves one of them, and as many outside
        (last / f"n{number}").mkdir()
        (tmp_path / "outside" / f"n{number}").mkdir(parents=True)
    paths = []
    for number, _ in walk.Walk(top, everything):
        paths.append(os.readlink(f"/proc/self/fd/{number}"))
        if os.path.dirname(paths[-1]) == str(last):
            os.rename(paths[-1], tmp_path / "outside" / "moved")
    assert str(tmp_path / "top" / "z") in paths, "what is beside it"
    assert not [path for path in paths if path.startswith(str(tmp_path / "outside"))]


@pytest.mark.parametrize("becomes", ["nothing", "a file", "a link"])
def test_what_becomes_something_else_is_left_out(
    top: int, tmp_path: Path, becomes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at an entry and its opening, which is when it matters."""
    for name in ("top/folder/inner", "top/stays", "outside/secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "top" / "file").touch()
    really = os.open

    def opened(path: str, flags: int, *rest: int, **more: int) -> int:
        if path in ("folder", "file") and (tmp_path / "top" / path).exists():
            (tmp_path / "top" / path).rename(tmp_path / path)
            if becomes == "a file":
                (tmp_path / "top" / path).mkdir() if path == "file" else (tmp_path / "top" / path).touch()
            elif becomes == "a link":
                (tmp_path / "top" / path).symlink_to(tmp_path / "outside")
        return really(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    names = found(top)
    assert "stays/" in names and not {"secret/", "inner/", "folder/", "outside/"} & names


MOUNTED = """
import ctypes, os, sys
sys.path.insert(0, {runtime!r})
from melda.base import descriptors
from melda.boot import home
from melda.base.users import Account
libc = ctypes.CDLL(None, use_errno=True)
for name, source in (("folder", {outside!r}), ("file", {outside!r} + "/file")):
    assert not libc.mount(source.encode(), ({top!r} + "/" + name).encode(), None, ctypes.c_ulong(4096), None)
print(home.chown_home(Account("u", 1001, 1001, (), {top!r}, ""), {top!r} + "/project"))
"""


@root
def test_a_bind_mount_of_the_same_file_system_is_a_border(top: int, tmp_path: Path) -> None:
    for name in ("top/folder", "top/own", "top/project", "outside"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for name in ("top/file", "outside/file"):
        (tmp_path / name).touch()
    code = MOUNTED.format(runtime=str(RUNTIME), outside=str(tmp_path / "outside"), top=str(tmp_path / "top"))
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.stdout, done.stderr) == ("2\n", ""), "the home and what is its own"
    assert {(tmp_path / name).stat().st_uid for name in ("outside", "outside/file", "top/project")} == {0}
