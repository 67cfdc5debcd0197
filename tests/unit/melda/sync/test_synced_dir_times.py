"""A plugin folder's daemon: when it looks, saves and tries again, what it says, and which of two states wins."""

from __future__ import annotations

import errno
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from melda.sync import synced_dir as folders
from melda.sync.synced_dir import SyncedDir

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, found, install
from tests.unit.melda.sync.test_synced_dir_damage import of_two_archives, part, spoil


def looked(one: Container, monkeypatch: pytest.MonkeyPatch, seconds: int) -> list[int]:
    """The seconds at which something was saved, or tried to be."""
    tries: list[int] = []
    save = one.folder._save

    def noted(*given: Any, **more: Any) -> None:
        tries.append(int(one.clock))
        save(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(one.folder, "_save", noted)
        one.wait(seconds)
    return tries


def refuse(*_: Any) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_it_is_saved_two_seconds_after_the_last_change(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    one.wait(10)
    install(one.root, "zebra", "1")
    one.wait(2)  # seen in the eleventh second
    (one.root / SITE / "zebra" / "more.py").write_text("")  # seen in the thirteenth
    assert looked(one, monkeypatch, 100) == [15]


def test_somebody_who_installs_is_waited_for_three_minutes(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    one.installing = "pip install zebra"
    install(one.root, "zebra", "1")
    assert looked(one, monkeypatch, 300) == [181]


def test_what_changes_no_folder_is_found_within_a_minute(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait(5)
    (one.root / SITE / "zebra" / "__init__.py").write_text("V = 'changed'\n")
    assert looked(one, monkeypatch, 100) == [65]


def test_a_failed_upload_is_tried_again_at_first_soon_and_then_each_minute(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        assert looked(one, monkeypatch, 250) == [3, 8, 18, 38, 78, 138, 198]
    assert looked(one, monkeypatch, 50) == [258] and one.folder.problem == ""
    install(one.root, "yak", "1")
    monkeypatch.setattr(os, "fsync", refuse)
    assert looked(one, monkeypatch, 20) == [303, 308, 318], "soon again: it had worked in between"


def test_a_new_keeper_knows_nothing_yet(container: Make, bucket: Path) -> None:
    one = container()
    new = SyncedDir(NAME, str(one.local), str(bucket), print, str)
    assert (new.restored, new.dirty, new.saved_at, new.problem) == (False, False, 0.0, "")
    assert one.folder.restored


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1, "a0"), (5, "a0, a1, a2, a3, a4"), (6, "a0, a1, a2, a3, a4 and 1 more"), (8, "a0, a1, a2, a3, a4 and 3 more")],
)
def test_it_says_what_is_saved(container: Make, number: int, shown: str) -> None:
    one = container()
    for one_of in range(number):
        (one.root / SITE / f"a{one_of}").mkdir(parents=True)
    (one.root / SITE / "a0-1.dist-info").mkdir()
    (one.root / SITE / "a0-1.dist-info" / "RECORD").write_text("")
    one.wait()
    assert one.output == [f"{NAME} is saved in the bucket: {shown}"]


def test_it_says_so_where_only_something_went(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    for path in (one.root / SITE).iterdir():
        os.rename(path, one.local / path.name)
    (one.root / "bin" / "zebra").unlink()
    one.wait()
    assert one.output[-1] == f"{NAME} is saved in the bucket"


@pytest.mark.parametrize(
    ("error", "said"), [(OSError(errno.EIO, "Input/output error"), "Input/output error"), (OSError("odd"), "odd")]
)
def test_what_cannot_be_saved_at_the_end_is_said(
    container: Make, error: OSError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    one = container()
    install(one.root, "zebra", "1")
    monkeypatch.setattr(one.folder, "_save", fail)
    one.folder.flush("", one.clock)
    assert one.output[1:] == [f"{NAME}: not saved: zebra ({said})"]
    one.folder.flush("", one.clock)
    assert sum("not saved" in line for line in one.output) == 1, "once"


def test_at_the_end_only_what_must_be_is_done(container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    monkeypatch.setattr(one.folder, "_collect_garbage", refuse)
    install(one.root, "zebra", "1")
    one.folder.flush("", one.clock)
    assert not one.folder.dirty and one.folder.problem == ""
    before = sorted(bucket.rglob("*"))
    one.folder.flush("", one.clock)
    assert sorted(bucket.rglob("*")) == before, "nothing has changed since"


def test_what_was_never_restored_is_not_saved_at_the_end(container: Make, bucket: Path) -> None:
    one = container()
    one.folder.restored = False
    install(one.root, "zebra", "1")
    one.folder.flush("", one.clock)
    assert not bucket.exists()


def test_what_was_being_unpacked_is_not_mixed_in_and_nothing_is_left_of_it(container: Make, tmp_path: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    (two.local / f"{NAME}.json").unlink()
    (two.local / f"{NAME}.new" / "whole" / SITE / "half").mkdir(parents=True)
    two.start()
    assert found(two.root) == {"zebra": "1"} and not (two.local / f"{NAME}.new").exists()
    three, old = container(), tmp_path / "old"
    install(old, "yak", "1")
    (three.local / f"{NAME}.new" / SITE / "half").mkdir(parents=True)
    three.start(str(old))
    assert found(three.root) == {"zebra": "1", "yak": "1"} and not (three.local / f"{NAME}.new").exists()


def test_cut_off_in_the_middle_of_a_restart_it_knows_that_it_knows_nothing(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (one.root / SITE / "half").mkdir()
    with monkeypatch.context() as broken:
        broken.setattr("melda.base.folders.remove", refuse)
        with pytest.raises(OSError, match="Input/output"):
            one.start()
    assert not one.folder.reread(), "it is restored anew"
    one.start()
    assert one.folder.reread() and (one.root / SITE / "zebra" / "__init__.py").exists()


def test_of_a_state_that_is_lost_the_one_before_is_taken(container: Make, bucket: Path) -> None:
    one = container()
    for version in ("1", "2", "3"):
        install(one.root, "zebra", version)
        one.folder.flush("", one.clock)  # which leaves all that was there
    spoil(part(bucket), "gone")
    two = container()
    assert found(two.root) == {"zebra": "2"}
    two.wait()
    assert found(container().root) == {"zebra": "2"}, "and saved as the newest"


def test_states_that_garbage_made_each_others_parents_hide_no_other(container: Make, bucket: Path) -> None:
    one, two = container(), container()
    install(one.root, "zebra", "1")
    one.wait()
    install(two.root, "yak", "1")
    two.wait()
    created = itertools.count(9, -1)
    for path in sorted((bucket / NAME).glob("*.json")):
        manifest, other = json.loads(path.read_text()), path.stem[::-1]
        pairs = ((path.stem, other), (other, path.stem))
        for name, parent in pairs:
            changed = {**manifest, "parents": [parent], "created": next(created)}
            path.with_name(name + ".json").write_text(json.dumps(changed))
    assert found(container().root) == {"zebra": "1", "yak": "1"}


def test_an_old_form_in_which_nothing_is_to_be_kept_goes_too(container: Make, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "pyvenv.cfg").write_text("")
    one = container()
    one.start(str(old))
    one.wait()
    assert list(old.iterdir()) == []


def test_an_archive_that_is_damaged_keeps_no_later_one_from_being_read(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(folders.secrets, "token_hex", lambda size: f"{next(numbers):0{2 * size}x}")
    of_two_archives(container, bucket)
    spoil(part(bucket, 0), "one bit")
    assert found(container().root) == {"yak": "1"}


def test_what_was_left_to_a_damaged_state_is_taken_from_the_other(container: Make, bucket: Path) -> None:
    one, two = container(), container()
    install(one.root, "zebra", "1")
    install(one.root, "xerus", "1")
    one.wait()
    os.utime(part(bucket), ns=(0, 0))
    install(two.root, "other", "1")
    two.wait()
    install(two.root, "zebra", "2")  # newer than the first container's
    two.wait()
    spoil(part(bucket), "garbage")
    assert found(container().root)["zebra"] == "1"


def test_of_two_states_the_package_that_was_upgraded_more_often_wins_whoever_came_last(container: Make) -> None:
    one, two = container(), container()
    for version in ("1", "2", "3"):
        install(two.root, "zebra", version)
        two.wait()
    install(one.root, "zebra", "1")
    one.wait()
    assert found(container().root) == {"zebra": "3"}


def test_no_file_of_an_older_archive_comes_back_with_a_newer_one(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    (one.root / SITE / "zebra" / "only_in_1.py").write_text("")
    install(one.root, "large", "1")
    (one.root / SITE / "large" / "data").write_bytes(os.urandom(100_000))
    one.wait()
    install(one.root, "zebra", "2")
    one.wait()
    two = container()
    assert found(two.root) == {"zebra": "2", "large": "1"}
    assert sorted(path.name for path in (two.root / SITE / "zebra").iterdir()) == ["__init__.py"]
