"""A start on another image: it is said from which to which, and what a patch release keeps is there before Python and R start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.plugins import image_record, state
from melda.plugins.image_record import Image
from melda.sync import image_change
from melda.sync.daemon import SyncDaemon
from melda.sync.image_change import Moving

from tests.unit.melda.sync.folders import NAME, SITE, install

from .folders import into

OLD, NEW = Image(python="3.11.2", r="4.2.2"), Image(python="3.11.9", r="4.2.2")


class World:
    """A project in a local folder, and the container that it is started in."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self.told, self.image, self.mode = root / "project", [], NEW, ""  # type: ignore[var-annotated]
        self.project.mkdir()
        for name in ("IMAGE", "RESTORING"):
            monkeypatch.setattr(state, name, str(root / name))
        monkeypatch.setattr(image_change.environ, "load", lambda: {"UPGRADE": self.mode})
        monkeypatch.setattr(image_change.environ, "image_layout", lambda _: "place")
        monkeypatch.setattr(image_change.image_record, "here", lambda _: self.image)
        monkeypatch.setattr(image_change.snapshot_check, "stamp", lambda _: self.image.installed)
        folders = (str(self.project / "Python-3.11.9"), "")
        monkeypatch.setattr(image_change.set_paths, "plugins", lambda _: folders)
        self.root = root

    def start(self) -> str | None:
        (self.root / "IMAGE").unlink(missing_ok=True)
        moving = Moving(str(self.project), "", into(self.told), {}, None)
        moving.take_over()
        moving.record()
        return state.read(state.IMAGE)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_it_is_said_once(world: World) -> None:
    world.image = OLD
    assert world.start() is None and world.told == []
    world.image = NEW
    assert world.start() == "the project ran on another image before: Python 3.11.2 -> 3.11.9"
    assert world.told == ["the project ran on another image before: Python 3.11.2 -> 3.11.9"]
    assert world.start() is None
    assert image_record.read(str(world.project)) == (NEW, OLD)


def test_the_number_of_the_manifest_stays(world: World) -> None:
    image_record.write(str(world.project), NEW._replace(manifest="sha256:1"))
    world.start()
    assert image_record.read(str(world.project)).last == NEW._replace(manifest="sha256:1")
    world.image = OLD
    world.start()
    assert image_record.read(str(world.project)).last == OLD


@pytest.mark.parametrize(("mode", "there"), [("", True), ("auto", True), ("ask", False), ("off", False)])
def test_a_patch_release(world: World, mode: str, there: bool) -> None:
    install(world.project / NAME, "zebra", "1.0")
    world.mode = mode
    world.start()
    assert (world.project / "Python-3.11.9" / SITE / "zebra").exists() is there
    assert (world.root / "RESTORING").exists() is there, "Python and R wait for it"
    assert (world.project / NAME / SITE / "zebra").exists()


def test_whatever_lies_there_it_keeps_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_change.image_record, "write", full)
    world.start()
    assert world.told == ["on which image the project runs is not noted: [Errno 28] No space left on device"]


def test_the_sync_daemon_does_it_before_kernels_start(begun: Any, tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    daemon: SyncDaemon = begun

    class Noted(Moving):
        def take_over(self) -> None:
            seen.append(("take over", (tmp_path / "restoring").exists()))

        def record(self) -> None:
            seen.append(("record", (tmp_path / "restoring").exists()))
            daemon.stop()

    daemon._moving = Noted(str(tmp_path), "", print, {}, None)
    daemon.run()
    assert seen == [("take over", True), ("record", False)]


def test_a_bucket_that_does_not_answer_keeps_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(image_change.Project, "due", silent)
    world.start()
    assert world.told == ["what the project had on another image is not taken over: [Errno 5] Input/output error"]
