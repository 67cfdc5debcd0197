"""A patch release in a bucket: S3 copies the archives, and only what is other is uploaded; else all of it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.config import environ
from melda.config.bucket import Bucket
from melda.mount import listing, s3
from melda.plugins import state
from melda.sync import before_mount, copy_archives, copy_fork, fork_of, image_change, server_side_copies
from melda.sync.image_change import Moving
from melda.sync.server_side_copies import Wanted
from melda.sync.synced_dir import SyncedDir

from tests.unit.melda.sync.folders import NAME, SITE, install

from .folders import into

NEXT = "Python-3.11.9"
PARTS = ("0" * 16, "1" * 16)


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in ((state, ("COPIES", "RESTORING", "IMAGE")), (server_side_copies, ("DONE",))):
        for name in names:
            monkeypatch.setattr(module, name, str(tmp_path / name))
    monkeypatch.setattr(fork_of, "RUN", str(tmp_path))


class World:
    """A bucket with what Python 3.11.2 had, and a container of Python 3.11.9."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workdir, self.told, self.clock = root / "project", list[str](), 0.0
        self.ours = self.workdir / ".melda-jupyter"
        monkeypatch.setattr(image_change.environ, "load", dict)
        monkeypatch.setattr(image_change.environ, "image_layout", lambda _: "place")
        monkeypatch.setattr(image_change.set_paths, "plugins", lambda _: (f"/x/{NEXT}", ""))
        before = self.synced(root / "before", NAME)
        for package in ("zebra", "yak"):
            install(Path(before.root), package, "1.0")
            program = Path(before.root) / "bin" / package
            program.write_text(f"#!{self.workdir}/{NAME}/bin/python\n" if package == "yak" else "#!/bin/sh\n")
        assert before.flush("", 1e6) == ""
        self.local = root / "local"
        self.folder = self.synced(self.local, NEXT)
        self.moving = Moving(str(self.workdir), str(self.local), into(self.told), {NEXT: self.folder}, None)

    def synced(self, local: Path, name: str) -> SyncedDir:
        (local / name).mkdir(parents=True)
        folder = SyncedDir(name, str(local), str(self.ours), into(self.told), str)
        folder.restore()
        return folder

    def wait(self, seconds: int = 5) -> None:
        for _ in range(seconds):
            self.clock += 1
            self.folder.poll(self.clock)

    def archives(self, name: str) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in (self.ours / name).glob("*.tar.zst")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_what_s3_copies_is_not_uploaded(world: World, tmp_path: Path) -> None:
    world.moving.take_over()
    (wanted,) = server_side_copies.requested()
    (before,) = world.archives(NAME).items()
    assert wanted == Wanted(NAME, NEXT, (before[0].partition(".")[0],))
    world.wait()
    assert world.archives(NEXT) == {} and world.folder.dirty, "it waits for the copies"
    shutil.copytree(world.ours / NAME, world.ours / NEXT, ignore=lambda _, names: [n for n in names if "json" in n])
    fork_of.note(fork_of.Copied(True), server_side_copies.DONE)
    world.wait()
    assert not world.folder.dirty and "S3 has copied the archives" in world.told
    after = world.archives(NEXT)
    assert after.pop(before[0]) == before[1]
    assert len(after) == 1 and "Python-3.11.9 is saved in the bucket: yak" in world.told, "what names its Python is new"
    shutil.rmtree(world.ours / NAME)
    fresh = world.synced(tmp_path / "fresh", NEXT)
    assert sorted(os.listdir(Path(fresh.root) / SITE)) == ["yak", "yak-1.0.dist-info", "zebra", "zebra-1.0.dist-info"]
    assert (Path(fresh.root) / "bin" / "yak").read_text() == f"#!{world.workdir}/{NEXT}/bin/python\n"


@pytest.mark.parametrize(("problem", "seconds", "told"), [
    ("AccessDenied", 60.0, "S3 did not copy the archives, so they are uploaded: AccessDenied"),
    ("", 0.0, "S3 did not copy the archives, so they are uploaded: it takes longer than 0 s"),
])  # fmt: skip
def test_what_is_not_copied_is_uploaded(
    world: World, monkeypatch: pytest.MonkeyPatch, problem: str, seconds: float, told: str
) -> None:
    monkeypatch.setattr(server_side_copies, "PATIENCE", seconds)
    world.moving.take_over()
    if problem:
        fork_of.note(fork_of.Copied(True, problem), server_side_copies.DONE)
    world.wait()
    assert told in world.told and not world.folder.dirty
    assert len(world.archives(NEXT)) == 1 and not world.archives(NEXT).keys() & world.archives(NAME).keys()


def test_stopped_before_they_are_copied_it_is_uploaded(world: World) -> None:
    world.moving.take_over()
    assert world.folder.flush("", 1e6) == ""
    assert len(world.archives(NEXT)) == 1


@pytest.mark.parametrize("text", [
    "", "{", "[1]", '[["Python-3.11.2", "Python-3.11.9"]]', '[["Python-3.11.2", "../x", []]]',
    '[["Python-3.11.2", "R-3.11.9", []]]', '[["Python-3.11.2", "Python-3.11.2", []]]',
    '[["Python-3.11.2", "Python-3.12.9", []]]', '[["Python-3.11.2", "Python-3.11.9", ["../../x"]]]',
    '[["Python-3.11.2", "Python-3.11.9", [1]]]', "[" * 30000,
])  # fmt: skip
def test_what_is_no_request(text: str) -> None:
    Path(state.COPIES).write_text(text)
    assert server_side_copies.requested() == []


def test_somebody_elses_file_is_no_request(tmp_path: Path) -> None:
    (tmp_path / "other").write_text(json.dumps([[NAME, NEXT, PARTS]]))
    os.symlink(tmp_path / "other", state.COPIES)
    assert server_side_copies.requested() == []


def test_who_copies_is_started_once(
    project: Bucket, settings: environ.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    timers: list[Any] = []
    Path(server_side_copies.DONE).touch()
    monkeypatch.setattr(before_mount, "make_folders", lambda *_: [])
    monkeypatch.setattr(before_mount.at_start, "note", lambda *_: None)
    supervisor: Any = SimpleNamespace(start=started.append, call_later=lambda _, action: timers.append(action))
    before_mount.prepare(project, settings, supervisor, set())
    assert not Path(server_side_copies.DONE).exists() and timers[0]() == server_side_copies.PAUSE and started == []
    Path(state.COPIES).write_text(json.dumps([[NAME, NEXT, PARTS]]))
    assert timers[0]() is None
    (service,) = started
    assert service.account.uid == 0 and not any(project.credentials.secret in one for one in service.argv)
    assert copy_fork.read_bucket(service.stdin) == project
    monkeypatch.setattr(server_side_copies, "LONGEST", -1.0)
    Path(state.COPIES).unlink()
    server_side_copies.watch(project, settings, supervisor)
    assert timers[1]() is None, "none will come any more"


def test_tried_again_and_again_it_costs_one_descriptor(
    project: Bucket, settings: environ.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    timers: list[Any] = []

    def start(service: Any) -> None:
        tried.append(service.stdin)
        if len(tried) < 3:
            raise ConfigError("no process is left")

    server_side_copies.watch(
        project, settings, SimpleNamespace(start=start, call_later=lambda _, action: timers.append(action))
    )  # type: ignore[arg-type]
    Path(state.COPIES).write_text(json.dumps([[NAME, NEXT, PARTS]]))
    for _ in range(2):
        with pytest.raises(ConfigError):
            timers[0]()
    assert timers[0]() is None and len(tried) == 3 and len(set(tried)) == 1
    os.close(tried[0])


def test_what_is_copied(project: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = "users/ada/.melda-jupyter"
    sizes = {f"{ours}/{NAME}/{PARTS[0]}.tar.zst": 5, f"{ours}/{NAME}/{PARTS[1]}.tar.zst": copy_archives.LARGEST + 1}
    done: list[tuple[str, str]] = []
    made: list[str] = []
    found = [listing.Found(*one, 0.0) for one in sizes.items()]
    monkeypatch.setattr(listing, "objects", lambda _, prefix, __: [one for one in found if one.key.startswith(prefix)])
    monkeypatch.setattr(s3, "copy", lambda _, *pair: done.append(pair))
    monkeypatch.setattr(s3, "keys", lambda *_: [])
    monkeypatch.setattr(s3, "make_folder", lambda _, key: made.append(key))
    monkeypatch.setattr(copy_fork, "read_bucket", lambda: project)
    Path(state.COPIES).write_text(json.dumps([[NAME, NEXT, [*PARTS, "2" * 16]]]))
    assert copy_archives.main() == 0
    assert done == [(f"{ours}/{NAME}/{PARTS[0]}.tar.zst", f"{ours}/{NEXT}/{PARTS[0]}.tar.zst")], (
        "one is gone, one too large"
    )
    assert made == [f"{ours}/", f"{ours}/{NEXT}/"] and fork_of.copied(server_side_copies.DONE).problem == ""

    def refused(*_: object) -> None:
        raise ConfigError("AccessDenied")

    monkeypatch.setattr(s3, "copy", refused)
    assert copy_archives.main() == 0
    assert fork_of.copied(server_side_copies.DONE) == fork_of.Copied(True, "AccessDenied")
