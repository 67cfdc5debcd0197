"""A bucket and the containers on it, and a sync daemon."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from melda.base import folders
from melda.plugins import state
from melda.sync import daemon
from melda.sync.apt_packages import Packages
from melda.sync.capture import Capture
from melda.sync.daemon import SyncDaemon
from melda.sync.synced_dir import SyncedDir

from tests.unit.melda.sync.folders import Container, Make, install, into


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def container(tmp_path: Path, bucket: Path) -> Callable[[], Container]:
    numbers = itertools.count()
    return lambda: Container(bucket, tmp_path / f"local{next(numbers)}")


@pytest.fixture
def used(container: Make) -> Iterator[Container]:
    """A folder with two generations: one package, and one that took its place, beside files of the user."""
    one = container()
    install(one.root, "zebra", "1")
    (one.root / "share").mkdir()
    (one.root / "share" / "notes").write_text("v1")
    one.wait(70)
    install(one.root, "zebra", "2")
    install(one.root, "yak", "1")
    one.wait()
    yield one
    folders.remove(str(one.root))  # pytest removes no folders that are 1,600 deep


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyncDaemon:
    monkeypatch.setattr(state, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(daemon, "say", lambda *_: None)
    folders = []
    for name in ("Python-3.11.2", "R-4.2.2"):
        (tmp_path / "local" / name).mkdir(parents=True)
        folders.append(
            SyncedDir(name, str(tmp_path / "local"), str(tmp_path / "bucket"), lambda *words: daemon.say(*words), str)
        )
    return SyncDaemon(
        folders,
        Packages(str(tmp_path / "apt.json"), print, str(tmp_path / "none")),
        Capture(str(tmp_path / "x"), print, "/bin/true"),
    )


@pytest.fixture
def begun(kept: SyncDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyncDaemon:
    """As in a container: Python and R wait; what becomes of the project's files is seen in ``paths``."""
    monkeypatch.setattr(state, "RESTORING", str(tmp_path / "restoring"))
    monkeypatch.setattr(state, "INTERRUPTED", str(tmp_path / "interrupted"))
    monkeypatch.setattr(daemon.environ, "image_layout", lambda _: "place")
    monkeypatch.setattr(daemon.set_paths, "plugins", lambda place: (place,))
    seen: list[object] = []
    monkeypatch.setattr(
        daemon.set_paths, "in_project", lambda *arguments, repair: seen.append((*arguments, repair)) or []
    )
    monkeypatch.setattr(daemon, "say", into(seen))
    monkeypatch.setattr(daemon, "PAUSE", 0.01)
    (tmp_path / "restoring").touch()
    (tmp_path / "interrupted").write_text(state.NOBODY)
    kept.seen = seen  # type: ignore[attr-defined]
    return kept
