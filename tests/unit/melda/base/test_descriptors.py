"""Folders that somebody renames while they are walked over: nothing outside is touched, and nothing stops the walk."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from melda.base import descriptors

from tests.unit import open_files
from tests.unit.melda.conftest import RUNTIME

root = pytest.mark.skipif(os.getuid() != 0, reason="only root's folders may hold links")
DEEP = 4_000  # tests/container/test_race.py goes on to 100,000


def descend(top: Path, depth: int) -> None:
    """Make folders called d in each other."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


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
    for number, what in descriptors.Walk(top, everything, **given):
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
            for _ in descriptors.Walk(top, everything):
                count += 1
                if not count % 1_000:
                    most = max(most, len(open_files.numbers()))
        assert count == DEEP + 1, "also what comes after the way back"
        assert 0 < most - len(before) < 2 * descriptors.HELD
    finally:
        (tmp_path / "top" / "z").rmdir()
        clear(tmp_path / "top")


def test_what_is_moved_away_meanwhile_does_not_lead_out(top: int, tmp_path: Path) -> None:
    """Deep down ".." is another folder by then: the walk goes on where it knows where it is."""
    depth = descriptors.HELD + 20
    descend(tmp_path / "top", depth)
    (tmp_path / "top" / "z").mkdir()
    last = tmp_path / "top" / "/".join("d" * depth)
    for number in range(9):  # names still to come when the walk leaves one of them, and as many outside
        (last / f"n{number}").mkdir()
        (tmp_path / "outside" / f"n{number}").mkdir(parents=True)
    paths = []
    for number, _ in descriptors.Walk(top, everything):
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
