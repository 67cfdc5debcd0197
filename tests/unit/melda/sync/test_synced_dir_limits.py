"""A plugin folder with more, or longer, names than a manifest can hold, and a manifest that nobody can read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from melda.sync.apt_packages import Packages
from melda.sync.capture import Capture
from melda.sync.daemon import SyncDaemon
from melda.sync.in_bucket import generations

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, found, install


def line(one: Container) -> str:
    """What /healthz says."""
    return SyncDaemon([one.folder], Packages("/none", print, "/none"), Capture("/none", print, "/bin/false")).line()


def loose(one: Container, number: int, character: str = "x", length: int = 100) -> None:
    """Files that belong to no package."""
    (one.root / SITE).mkdir(parents=True, exist_ok=True)
    for each in range(number):
        (one.root / SITE / (character * length + str(each))).touch()


def names(root: Path) -> set[str]:
    return set(os.listdir(root / SITE)) if (root / SITE).exists() else set()


def test_names_of_commas_come_back(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    loose(one, 3300, ",", 245)
    one.wait()
    assert line(one).startswith("saved at") and one.folder.flush("", one.clock) == ""
    two = container()
    assert names(two.root) == names(one.root) and two.output == []


LIMITS = [("MOST_ENTRIES", 20), ("LARGEST", 3000)]


@pytest.mark.parametrize(("limit", "value"), LIMITS)
def test_what_a_manifest_cannot_hold_costs_itself(
    container: Make, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(generations, "RESERVE", 500, raising=False)
    monkeypatch.setattr(generations, limit, value)
    one = container()
    install(one.root, "aardvark" + "k" * 60, "1")
    loose(one, 40)
    one.wait(10)
    assert "failed: " in line(one) and "than a manifest can hold" in line(one)
    said = [text for text in one.output if "than a manifest can hold" in text]
    assert len(said) == 1 and "more are left out" in said[0], "in one line"
    assert "than a manifest can hold" in one.folder.flush("", one.clock)
    two = container()
    assert "aardvark" + "k" * 60 in names(two.root), "a package goes before what belongs to none"
    assert 4 < len(names(two.root)) < 20
    install(one.root, "zebra", "1")
    for path in (one.root / SITE).glob("xxx*"):
        path.unlink()
    one.wait(70)
    assert line(one).startswith("saved at")
    assert {*found(container().root)} == {"aardvark" + "k" * 60, "zebra"}


def test_what_must_stay_in_the_bucket_takes_its_room(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "MOST_ENTRIES", 26)
    one = container()
    install(one.root, "zebra", "1")
    loose(one, 20)
    one.wait()
    for path in (one.root / SITE).glob("xxx*"):
        path.unlink()
    monkeypatch.setattr("melda.sync.synced_dir.half_written.doubtful", lambda _layout, _root, pending, *_: {
        entry for entry in pending if "xxx" in entry
    })  # fmt: skip
    install(one.root, "yak", "1")
    (one.root / SITE / "a").touch()
    missing = one.folder.flush("pip install", one.clock)
    assert "than a manifest can hold" in missing and "not saved: a, " in missing and "yak" not in missing
    two = container()
    assert {"zebra", "yak"} <= names(two.root) and "a" not in names(two.root)


def test_a_manifest_that_cannot_be_read_again_does_not_count_as_saved(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    with monkeypatch.context() as broken:
        broken.setattr(generations, "dump", lambda _: "{}")
        one.wait()
    assert line(one).startswith(f"failed: {NAME}: not saved: ")
    assert not list((bucket / NAME).glob("*.json"))


@pytest.mark.parametrize("how", ["garbage", "too large", "too many"])
def test_a_head_that_cannot_be_read_is_no_success_and_stays(
    container: Make, bucket: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (head,) = (bucket / NAME).glob("*.json")
    (archive,) = (bucket / NAME).glob("*.tar.zst")
    good = head.read_text()
    if how == "garbage":
        head.write_text(good[:-5])
    elif how == "too large":
        head.write_text(good + " " * (generations.LARGEST + 1))
    else:
        monkeypatch.setattr("melda.sync.in_bucket.store.MOST_MANIFESTS", 0)
    two = container()
    monkeypatch.undo()
    assert line(two).startswith(f"failed: {NAME}: ") and head.name in line(two)
    for name in ("yak", "xerus", "emu"):
        install(two.root, name, "1")
        two.wait()
    assert head.exists() and archive.exists()
    if how != "too many":
        assert head.name in line(two)
        head.write_text(good)
    assert found(container().root) == {"zebra": "1", "yak": "1", "xerus": "1", "emu": "1"}
    install(two.root, "gnu", "1")
    two.wait()
    assert line(two).startswith("saved at"), "it can be read now"


def test_an_upload_that_was_cut_off_and_a_parent_that_cannot_be_read_are_no_failure(
    container: Make, bucket: Path
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (parent,) = (bucket / NAME).glob("*.json")
    install(one.root, "yak", "1")
    one.wait()
    parent.write_text("{")
    (bucket / NAME / "0123456789abcdef.json").touch()
    assert line(container()) == "saved"


def test_a_restart_keeps_what_nobody_can_read_in_the_bucket(container: Make, bucket: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    before = set((bucket / NAME).glob("*.json"))
    install(one.root, "zebra", "2")
    one.wait()
    (head,) = set((bucket / NAME).glob("*.json")) - before
    head.write_text("{")
    one.start()
    assert found(one.root) == {"zebra": "2"}
    one.wait()
    assert found(container().root) == {"zebra": "2"}


@pytest.mark.parametrize("how", ["mode", "error"])
@pytest.mark.parametrize("last", [True, False])
def test_what_is_in_a_folder_that_cannot_be_read_is_not_saved_as_removed(
    container: Make, monkeypatch: pytest.MonkeyPatch, how: str, last: bool
) -> None:
    """The folder is an entry then, and what is in it was none any more."""
    one = container()
    share = one.root / "share"
    (share / "jupyter" / "kernels" / "mine").mkdir(parents=True)
    (share / "notes").write_text("mine")
    (share / "jupyter" / "kernels" / "mine" / "kernel.json").write_text("{}")
    one.wait(70)
    install(one.root, "zebra", "1")
    real = os.lstat

    def broken(path: str, *more: Any, **named: Any) -> os.stat_result:
        if path == str(share):
            raise OSError(errno.EIO, "Input/output error")
        return real(path, *more, **named)

    with monkeypatch.context() as patched:
        if how == "mode":
            share.chmod(0)
        else:
            patched.setattr(os, "lstat", broken)
        if last:
            assert "cannot be read" in one.folder.flush("", one.clock) or how == "error"
        else:
            one.wait(200)
        assert "share" in one.folder.left_out
        share.chmod(0o755)
    two = container()
    assert found(two.root) == {"zebra": "1"} and (two.root / "share" / "notes").read_text() == "mine"
    assert (two.root / "share" / "jupyter" / "kernels" / "mine" / "kernel.json").exists()
    one.clock += 10
    one.wait(70)
    assert one.folder.left_out == {} and not one.folder.dirty
    (share / "notes").unlink()
    one.wait(70)
    assert not (container().root / "share" / "notes").exists()
