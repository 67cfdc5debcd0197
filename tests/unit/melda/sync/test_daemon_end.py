"""The sync daemon when its container stops: what may be missing in the bucket is no success."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from melda.plugins import state
from melda.sync.daemon import SyncDaemon
from melda.sync.synced_dir import SyncedDir


def package(folder: Path, name: str = "zoo") -> None:
    (folder / name / "Meta").mkdir(parents=True)
    (folder / name / "Meta" / "package.rds").write_text("x")


def refuse(*_: object) -> None:
    raise OSError(5, "Input/output error")


def ends(daemon: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> bool:
    """It is told to end as soon as it looks."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    daemon._stopping.set()
    return daemon.run()


def test_what_the_bucket_does_not_take_at_the_end_is_no_success(
    begun: SyncDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.restore()
    package(tmp_path / "local" / "R-4.2.2")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        assert not begun.flush()
    assert state.read() == "failed: R-4.2.2: not saved: zoo (Input/output error)"
    assert begun.flush(), "now it takes it"


def test_what_is_installed_while_the_bucket_cannot_be_read_is_no_success(
    begun: SyncDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begun._folders[1]
    with monkeypatch.context() as broken:
        broken.setattr(one._store, "generations", refuse)
        assert ends(begun, monkeypatch), "nothing is here"
        for thread in begun._threads.values():
            thread.join()
        package(tmp_path / "local" / "R-4.2.2")
        assert not begun.flush()
    assert one.problem == "not saved: zoo (what the bucket has was not restored)"
    assert begun.flush(), "it can be read in the end, so it is saved"
    assert list((tmp_path / "bucket" / "R-4.2.2").glob("*.json"))


def test_a_stop_while_it_brings_back_tells_what_only_this_container_has(
    begun: SyncDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, begins, one = threading.Event(), threading.Event(), begun._folders[1]

    def hang() -> None:
        begins.set()
        assert goes_on.wait(60)

    monkeypatch.setattr(one, "restore", hang)
    assert ends(begun, monkeypatch), "nothing is here, and nobody waits for what hangs"
    package(tmp_path / "local" / "R-4.2.2")
    assert not begun.flush() and begins.is_set()
    one._coming = {"zoo"}
    assert begun.flush(), "the bucket has it"
    goes_on.set()
    begun._threads[one.name].join()


@pytest.mark.parametrize(("noted", "saved"), [(None, False), ("pip install x", False), (state.NOBODY, True)])
def test_who_was_installing_is_unknown_where_nobody_looked(
    begun: SyncDaemon, tmp_path: Path, noted: str | None, saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(state.INTERRUPTED).unlink()
    if noted:
        Path(state.INTERRUPTED).write_text(noted)
    begun.restore()
    (tmp_path / "local" / "R-4.2.2" / "half").mkdir()
    assert begun.flush() == saved


def test_a_keeper_that_takes_over_leaves_all_as_it_is(begun: SyncDaemon, tmp_path: Path) -> None:
    begun.restore()
    for name in ("whole", "half"):
        package(tmp_path / "local" / "R-4.2.2", name)
    (tmp_path / "local" / "R-4.2.2" / "half" / "Meta" / "package.rds").unlink()
    Path(state.INTERRUPTED).write_text("pip install x")
    folders = [
        SyncedDir(one.name, str(tmp_path / "local"), str(tmp_path / "bucket"), print, str) for one in begun._folders
    ]
    second = SyncDaemon(folders, begun._packages, begun._capture)
    assert not second.last(), "half of it may be written"
    assert folders[1].problem.startswith("not saved: half (")
    assert (tmp_path / "local" / "R-4.2.2" / "half").exists()
    third = SyncedDir("R-4.2.2", str(tmp_path / "new"), str(tmp_path / "bucket"), print, str)
    (tmp_path / "new" / "R-4.2.2").mkdir(parents=True)
    third.restore()
    assert os.listdir(third.root) == ["whole"]


def test_a_keeper_that_takes_over_before_anything_came_says_so(begun: SyncDaemon, tmp_path: Path) -> None:
    package(tmp_path / "local" / "R-4.2.2")
    assert begun.last(), "the bucket answers, so it is restored, and saved"
    assert list((tmp_path / "bucket" / "R-4.2.2").glob("*.json"))


def test_the_lists_are_missed_too(begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    begun.restore()
    with monkeypatch.context() as broken:
        broken.setattr(begun._packages, "flush", refuse)
        assert not begun.flush()
    assert state.read() == "failed: the list of apt's packages is not saved: Input/output error"
    monkeypatch.setattr(begun._capture, "flush", lambda *_: "what is installed is not written down")
    assert not begun.flush()
    assert state.read() == "failed: what is installed is not written down"
