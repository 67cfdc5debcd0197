"""melda-env back does all or nothing, and takes nothing away that is nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.sync import exchange
from melda.sync import synced_dir as folders
from melda.sync.on_disk import tree

from tests.unit.deep_folders import descend
from tests.unit.melda.sync.folders import NAME, SITE, Container, as_nobody, found, let_in
from tests.unit.melda.sync.going_back import Killed, back, killed_at


def test_what_the_bucket_has_not_got_is_named_and_stays(used: Container) -> None:
    (used.root / "share" / "notes").write_text("an hour of work")
    with pytest.raises(OSError, match="^not in the bucket, and would be lost: notes; move it elsewhere, or wait a min"):
        back(used)
    assert (used.root / "share" / "notes").read_text() == "an hour of work"
    assert found(used.root) == {"zebra": "2", "yak": "1"}
    used.wait(70)
    back(used)
    assert (used.root / "share" / "notes").read_text() == "v1" and found(used.root) == {"zebra": "1"}


@pytest.mark.parametrize("why", ["room", "closed"])
def test_what_is_left_out_stays(used: Container, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(folders, "LARGEST_ENTRY", 5000)
    data = used.root / "share" / "data"
    data.mkdir()
    (data / "big").write_bytes(bytes(9000 if why == "room" else 9))
    (data / "big").chmod(0o644 if why == "room" else 0)
    used.wait(70)
    assert used.folder.left_out or used.folder.failures()
    with pytest.raises(OSError, match="lost: data;"):
        back(used)
    assert (data / "big").exists()


@pytest.mark.parametrize("place", [f"{SITE}/zebra", "share", "share/notes"])
@pytest.mark.parametrize("what", ["deep", "fifo"])
def test_what_cannot_be_kept_is_named_before_anything_moves(used: Container, place: str, what: str) -> None:
    """It is what comes, a file where a folder is to be, or a folder where a file is to be."""
    path = used.root / place
    if what == "deep" and place != "share":
        path.unlink() if path.is_file() else None
        path.mkdir(exist_ok=True)
        descend(path, 1600)
    else:
        path.rename(used.root.parent / "old")
        os.mkfifo(path)
    used.wait(70)
    before = tree.survey(used.folder._layout, str(used.root))
    assert list(before.left) == [place]
    with pytest.raises(OSError, match=f"lost: .*{path.name}.*; move it elsewhere"):
        back(used)
    assert tree.survey(used.folder._layout, str(used.root)) == before
    assert not list((used.root / SITE).glob("~*"))


def test_a_folder_is_not_taken_away_with_what_cannot_be_kept_in_it(tmp_path: Path) -> None:
    shape, whole, root = tree.layout(NAME), tmp_path / "whole", tmp_path / NAME
    (root / SITE).mkdir(parents=True)
    whole.mkdir()
    (whole / "include").write_text("a file")
    (root / "include").mkdir()
    os.mkfifo(root / "include" / "y")
    with pytest.raises(OSError, match="lost: y;"):
        exchange.exchange(shape, str(whole), str(root), {}, [])
    assert (root / "include" / "y").is_fifo()


@pytest.mark.parametrize("what", ["deep", "fifo", "around"])
def test_one_entry_that_cannot_be_put_back_costs_itself_alone(
    used: Container, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Somebody puts something into its place while it is killed."""
    with monkeypatch.context() as patched:
        killed_at(used.root, patched, 7, Killed())
        patched.setattr(exchange, "put_back", lambda *_: False)
        with pytest.raises(Killed):
            back(used)
    path = used.root / ("share" if what == "around" else "bin/zebra")
    if path.exists():
        path.rename(used.root.parent / "old")
    if what == "deep":
        path.mkdir()
        descend(path, 1600)
    else:
        os.mkfifo(path)
    assert exchange.put_back(used.folder._layout, str(used.root))
    assert path.exists() and not list((used.root / SITE).glob("~*"))
    if what == "around":
        assert found(used.root) == {"zebra": "2", "yak": "1"}
    assert (used.root / "bin" / "yak").read_text() == "#!1\n"
    assert (used.root / SITE / "zebra-2.dist-info").exists() and not (used.root / SITE / "zebra-1.dist-info").exists()


def test_an_error_while_it_is_put_back_costs_one_entry_and_it_is_done_again(
    used: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree.signatures(used.folder._layout, str(used.root))
    with monkeypatch.context() as patched:
        killed_at(used.root, patched, 7, Killed())
        patched.setattr(exchange, "put_back", lambda *_: False)
        with pytest.raises(Killed):
            back(used)
    with monkeypatch.context() as patched:
        real = os.rename

        def full(source: str, target: str) -> None:
            if target.endswith("/bin/yak"):
                raise OSError(28, "No space left on device")
            real(source, target)

        patched.setattr(exchange.folders, "rename", full)
        with pytest.raises(OSError, match="No space left"):
            exchange.put_back(used.folder._layout, str(used.root))
    assert (used.root / "bin" / "zebra").read_text() == "#!2\n" and (used.root / SITE / exchange.MARK).exists()
    assert exchange.put_back(used.folder._layout, str(used.root))
    assert tree.signatures(used.folder._layout, str(used.root)) == before


def test_a_folder_that_nobody_may_write_moves_too(used: Container, tmp_path: Path) -> None:
    closed = used.root / SITE / "closed"
    closed.mkdir()
    (closed / "f").write_text("x")
    closed.chmod(0o555)
    used.wait(70)
    let_in(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    assert as_nobody(lambda: back(used)) == 0
    assert found(used.root) == {"zebra": "1"}


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("dies", [False, True])
def test_all_or_nothing(used: Container, monkeypatch: pytest.MonkeyPatch, number: int, dies: bool) -> None:
    """An error in the middle, or a kill: then the next start puts back."""
    before = tree.signatures(used.folder._layout, str(used.root))
    with monkeypatch.context() as patched:
        killed_at(used.root, patched, number, Killed() if dies else OSError("no"))
        if dies:
            patched.setattr(exchange, "put_back", lambda *_: False)
        with pytest.raises((Killed, OSError)):
            back(used)
    if dies:
        assert used.folder._layout.busy(str(used.root)) == exchange.MARK
        used.start()
        assert "was interrupted" in used.output[-1]
    assert tree.signatures(used.folder._layout, str(used.root)) == before
    assert not list(used.root.rglob(exchange.MARK)) and found(used.root) == {"zebra": "2", "yak": "1"}
    back(used)
    assert found(used.root) == {"zebra": "1"}


@pytest.mark.parametrize("number", range(8))
def test_a_file_where_a_folder_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    shape, whole, root = tree.layout(NAME), tmp_path / "whole", tmp_path / NAME
    monkeypatch.setattr(exchange, "_unsaved", lambda *_: [])
    for path in (whole, root):
        (path / "share" / "a" / "x").mkdir(parents=True)
        (path / SITE).mkdir(parents=True)
    (root / "share" / "new").write_text("1")
    (whole / "include").write_text("a file")
    (root / "include").mkdir()
    (root / "include" / "y").write_text("1")
    before = tree.signatures(shape, str(root))
    killed_at(root, monkeypatch, number, Killed())
    try:
        exchange.exchange(shape, str(whole), str(root), {}, [])
    except Killed:
        assert tree.signatures(shape, str(root)) == before
    else:
        assert (root / "include").read_text() == "a file" and not (root / "share" / "new").exists()


@pytest.mark.parametrize("done", [True, False])
def test_killed_while_the_mark_is_removed_it_is_done(
    used: Container, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """It mixed both states: what had been taken away was gone already, and what had come was taken away too."""
    shape, root, undo = used.folder._layout, str(used.root), exchange.put_back
    with monkeypatch.context() as patched:
        patched.setattr(exchange, "put_back", lambda *_: False)
        patched.setattr(exchange.folders, "_empty", half_emptied(exchange.MARK))
        if not done:
            killed_at(used.root, patched, 7, Killed())
        with pytest.raises(Killed):
            back(used)
        if not done:
            with pytest.raises(Killed):
                undo(shape, root)
    assert (used.root / SITE / exchange.MARK).exists()
    used.start()
    assert found(used.root) == ({"zebra": "1"} if done else {"zebra": "2", "yak": "1"})
    assert not (used.root / SITE / exchange.MARK).exists() and not any("interrupted" in line for line in used.output)


def half_emptied(name: str) -> Callable[..., None]:
    """Of a folder, one half is removed; the plan is not in it if it is there still."""
    real = exchange.folders._empty

    def emptied(folder: int, *more: Any) -> None:
        if os.readlink(f"/proc/self/fd/{folder}").endswith(name):
            names = sorted(set(os.listdir(folder)) - {exchange.PLAN})
            for child in names[: len(names) // 2]:
                exchange.folders.remove(f"/proc/self/fd/{folder}/{child}")
            raise Killed
        real(folder, *more)

    return emptied


def test_what_came_since_is_not_replaced(used: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        killed_at(used.root, patched, 2, Killed())
        patched.setattr(exchange, "put_back", lambda *_: False)
        with pytest.raises(Killed):
            back(used)
    (used.root / "bin" / "yak").write_text("mine")
    assert exchange.put_back(used.folder._layout, str(used.root))
    assert (used.root / "bin" / "yak").read_text() == "mine" and (used.root / "bin" / "zebra").read_text() == "#!2\n"
