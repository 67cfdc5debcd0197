"""A head of which something is lost: what is left of it, and what came before it, is nowhere else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from melda.sync import precedence, restoring, taking
from melda.sync.in_bucket import retention
from melda.sync.in_bucket.generations import EntryRef, Generation
from melda.sync.on_disk import tree

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, found, install, into, remove
from tests.unit.melda.sync.test_restoring_damage import silent
from tests.unit.melda.sync.test_synced_dir_damage import of_two_archives, part, spoil


def with_a_note(one: Container) -> None:
    """Something that no package claims, so that only what was known of it says that it is whole."""
    (one.root / SITE).mkdir(parents=True, exist_ok=True)
    (one.root / SITE / "note.py").write_text("mine")


def newest(bucket: Path) -> Path:
    return max((bucket / NAME).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)


def test_what_is_left_of_a_head_outlives_who_found_it_damaged(container: Make, bucket: Path) -> None:
    """The head was set aside at once; who had brought what was left was killed before that was saved."""
    of_two_archives(container, bucket)
    spoil(part(bucket, 0), "one bit")
    for _ in range(2):
        assert found(container().root) == {"yak": "1"}


def test_what_came_before_a_damaged_head_is_taken_beside_another_one(container: Make, bucket: Path) -> None:
    one, two = container(), container()
    install(one.root, "zebra", "1")
    install(one.root, "gone", "1")
    one.wait()
    install(one.root, "zebra", "2")
    remove(one.root, "gone")
    one.wait()
    spoil(part(bucket), "one bit")
    install(two.root, "yak", "1")
    two.wait()
    three = container()
    assert found(three.root) == {"zebra": "1", "yak": "1"}, "and not what was removed"
    three.wait()
    assert found(container().root) == {"zebra": "1", "yak": "1"}


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("manifest", ["gone", "garbage"])
def test_what_is_here_outlives_its_manifest(container: Make, bucket: Path, manifest: str, attempts: int) -> None:
    """All that only the lost manifest had was taken for removed, or, as nothing was known of it, set aside."""
    one = container()
    install(one.root, "yak", "1")
    one.wait()
    install(one.root, "zebra", "1")
    with_a_note(one)
    one.wait()
    spoil(newest(bucket), manifest)
    for _ in range(attempts):
        one.start()
    one.wait(70)
    new = container()
    assert {"zebra", "yak"} < {path.name for path in (new.root / SITE).iterdir()}
    assert (new.root / SITE / "note.py").read_text() == "mine"


def test_what_is_here_outlives_its_archive_over_two_restarts(container: Make, bucket: Path) -> None:
    one = container()
    with_a_note(one)
    one.wait()
    part(bucket).unlink()
    one.start()
    one.start()
    one.wait(70)
    assert (container().root / SITE / "note.py").read_text() == "mine"


@pytest.mark.parametrize("first", ["who has the newer one", "who has the older one"])
def test_an_older_state_that_is_saved_again_is_as_old_as_it_was(container: Make, bucket: Path, first: str) -> None:
    """It counted as the newest of all, and took the place of the newer one where that was still on a disk."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    os.utime(part(bucket), ns=(1, 1))
    install(one.root, "zebra", "2")
    one.wait()
    spoil(part(bucket), "one bit")
    for each in (one, two) if first == "who has the newer one" else (two, one):
        each.start()
        each.wait(70)
    one.start()
    one.wait(70)
    assert found(one.root) == found(container().root) == {"zebra": "2"}


def test_what_was_changed_over_a_lost_archive_is_as_new_as_it_is(container: Make, bucket: Path) -> None:
    """It got the number of the state that was lost, and another container's copy of that took its place."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    (one.root / SITE / "zebra" / "__init__.py").write_text("V = 'changed'\n")
    part(bucket).unlink()
    one.start()
    one.wait(70)
    install(two.root, "yak", "1")
    two.wait(70)
    assert (container().root / SITE / "zebra" / "__init__.py").read_text() == "V = 'changed'\n"


def test_what_another_container_removed_long_ago_does_not_come_back(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention had removed the manifest of what is here, which counted as lost."""
    monkeypatch.setattr(retention, "SPACE", 0)
    monkeypatch.setattr(retention, "TIMES", 0)
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    one.wait()
    two = container()
    remove(two.root, "zebra")
    two.wait()
    for version in "1234":
        install(two.root, "xerus", version)
        two.wait()
    one.start()
    assert found(one.root) == {"yak": "1", "xerus": "4"}


def test_what_was_being_restored_outlives_an_empty_bucket(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been unpacked when the bucket did not answer any more was removed, without a line."""
    one, two, new = container(), container(), container()
    for each, name in ((one, "zebra"), (two, "yak")):
        install(each.root, name, "1")
        each.wait()
    real, times = taking.Store.open, iter([True])
    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(taking.Store, "open", lambda *of: real(*of) if next(times, False) else silent())
        new.start()
    before = found(new.root)
    shutil.rmtree(bucket / NAME)
    new.start()
    assert len(before) == 1 and found(new.root) == before
    new.wait(70)
    assert found(container().root) == before


def test_what_was_set_aside_between_two_attempts_is_still_here(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older state took its place on the disk, the last one that had it."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    os.utime(part(bucket), ns=(1, 1))
    two = container()
    install(one.root, "zebra", "2")
    one.wait()
    damaged = part(bucket)
    install(two.root, "yak", "1")
    two.wait()
    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(taking.Store, "open", silent)
        one.start()
    spoil(damaged, "one bit")
    three = container()
    assert found(three.root) == {"zebra": "1", "yak": "1"}
    three.wait()
    one.start()
    one.wait(70)
    assert found(one.root) == found(container().root) == {"zebra": "2", "yak": "1"}


def test_what_was_removed_after_a_damaged_start_stays_removed(container: Make, bucket: Path) -> None:
    """Only the last save told the bucket, and that left the damaged head where it was."""
    of_two_archives(container, bucket)
    spoil(part(bucket, 0), "gone")
    one = container()
    assert found(one.root) == {"yak": "1"}
    remove(one.root, "yak")
    assert one.folder.flush("", one.clock + 1) == ""
    assert found(container().root) == {}


def test_who_changes_nothing_in_the_bucket_sets_nothing_aside(container: Make, bucket: Path, tmp_path: Path) -> None:
    """The line said so, of a generation that stayed as it was."""
    of_two_archives(container, bucket)
    spoil(part(bucket), "gone")
    before, said = sorted(bucket.rglob("*")), list[str]()
    assert restoring.brought(NAME, str(tmp_path / "work"), str(bucket), into(said)).damaged
    (line,) = said
    assert "is damaged (it is gone); what could be read" in line and sorted(bucket.rglob("*")) == before


def test_what_a_damaged_head_had_removed() -> None:
    """Each entry was compared with each: eight seconds for as many as these."""

    def of(*entries: str) -> Generation:
        return Generation((), 1, 1.0, {}, {entry: EntryRef("0" * 16, 1) for entry in entries})

    shape, many = tree.layout(NAME), [f"share/x{number}" for number in range(10_000)]
    older = of("share/man", "etc/jupyter/a.json", "note.py", "bin/gone", *many)
    newer = of("share/man/man1/yak.1", "etc/jupyter", "note.py", *(f"{entry}/y" for entry in many))
    before = time.process_time()
    assert precedence.removed(shape, older, [newer]) == {"bin/gone"}
    assert precedence.removed(shape, older, []) == set()
    assert time.process_time() - before < 3
