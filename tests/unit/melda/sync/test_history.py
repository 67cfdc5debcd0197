"""Earlier generations: which are kept, what each changed, and a folder that is what it was in one of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.sync import exchange, history
from melda.sync.in_bucket import retention
from melda.sync.in_bucket.generations import Archive, EntryRef, Generation
from melda.sync.on_disk import tree
from melda.sync.restoring import Restoring

from tests.unit.melda.sync.folders import NAME, SITE, Container, found, install, into, remove

Make = Callable[[], Container]
DAY = 86400.0


def of(number: int, days: float, size: int = 10, part: str = "") -> Generation:
    """A generation with an archive of its own."""
    part = part or f"part{number}"
    entries = {f"x{number}": EntryRef(part, number)}
    return Generation((), number, 1e9 - days * DAY, {part: Archive("0" * 64, size, 1)}, entries)


def gone(old: dict[str, Generation], *live: Generation) -> set[str]:
    return retention.superfluous(old, live, 1e9)


def test_the_last_twenty_or_thirty_days() -> None:
    old = {f"g{number}": of(number, 100 - number) for number in range(50)}
    assert gone(old) == {f"g{number}" for number in range(30)}
    fresh = {f"g{number}": of(number, 1) for number in range(60)}
    assert gone(fresh) == set()
    many = {f"g{number:03}": of(number, 1) for number in range(130)}
    assert gone(many) == {f"g{number:03}" for number in range(30)}


def test_space_is_bounded() -> None:
    gigabyte = 1 << 30
    old = {f"g{number}": of(number, 1, gigabyte // 2) for number in range(4)}
    assert gone(old) == {"g0", "g1"}
    assert gone(old, of(9, 0, gigabyte)) == set(), "twice what is in use"
    shared = {f"g{number}": of(number, 1, gigabyte, "same") for number in range(4)}
    assert gone(shared) == set(), "one archive counts once"
    assert (
        gone(shared, of(9, 0, gigabyte, "same")) == set()
        and retention.space(shared.values(), [of(9, 0, 1, "same")]) == 0
    )


def test_many_generations_take_a_bounded_space(container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of 100 kB that is upgraded again and again: of thirty states the bucket keeps as many as it may."""
    monkeypatch.setattr(retention, "LAST", 5)
    monkeypatch.setattr(retention, "DAYS", 0.0)
    one, sizes = container(), []
    for version in range(30):
        install(one.root, "zebra", str(version))
        (one.root / SITE / "zebra" / "data").write_bytes(os.urandom(100_000))
        one.wait()
        sizes.append(sum(path.stat().st_size for path in (bucket / NAME).iterdir()))
    every, earlier = history.listed(str(bucket), NAME)
    assert [one.label for one in every] == [f"P{number}" for number in range(30, 23, -1)], (
        "five, and two that a start reads"
    )
    assert all(one.whole for one in every)
    assert max(sizes[10:]) < 8.5 * 100_000 < sum(sizes[:1]) * 30, "it does not grow"
    assert 4 * 100_000 < earlier < sizes[-1], "and it is told"
    monkeypatch.setattr(retention, "LAST", 100)
    monkeypatch.setattr(retention, "SPACE", 300_000)
    monkeypatch.setattr(retention, "TIMES", 0)
    install(one.root, "zebra", "30")
    one.wait()
    assert history.listed(str(bucket), NAME)[1] <= 300_000


@pytest.fixture
def used(container: Make) -> Container:
    """A folder in which something was installed, upgraded and removed."""
    one = container()
    for action in (
        lambda: install(one.root, "zebra", "1"),
        lambda: install(one.root, "yak", "1"),
        lambda: install(one.root, "zebra", "2"),
        lambda: remove(one.root, "yak"),
        lambda: install(one.root, "owl", "3"),
    ):
        action()
        one.wait()
    return one


def test_what_changed_when(used: Container, bucket: Path) -> None:
    every, size = history.listed(str(bucket), NAME)
    assert [(one.label, one.changes, one.whole) for one in every] == [
        ("P5", ["+ owl 3"], True),
        ("P4", ["- yak 1"], True),
        ("P3", ["~ zebra 1 -> 2"], True),
        ("P2", ["+ yak 1"], True),
        ("P1", ["+ zebra 1"], True),
    ]
    live = sum(path.stat().st_size for path in (bucket / NAME).glob("*.tar.zst"))
    assert 0 < size < live
    assert len(list((bucket / NAME).glob("*.json"))) == 2, "no start reads more than before"


@pytest.mark.parametrize(
    ("label", "versions"),
    [("P1", {"zebra": "1"}), ("P3", {"zebra": "2", "yak": "1"}), ("P5", {"zebra": "2", "owl": "3"})],
)
def test_going_back(used: Container, container: Make, bucket: Path, label: str, versions: dict[str, str]) -> None:
    (one,) = (one for one in history.listed(str(bucket), NAME)[0] if one.label == label)
    local = str(used.root.parent)
    changed = history.go_back(local, str(bucket), one, print)
    assert bool(changed) == (label != "P5")
    assert found(used.root) == versions
    assert not (used.root.parent / exchange.WORK).exists() and not list(used.root.rglob(exchange.MARK))
    used.wait()
    assert found(container().root) == versions, "a new generation that is the old one"
    labels = [one.label for one in history.listed(str(bucket), NAME)[0]]
    assert labels[0] == ("P5" if label == "P5" else "P6"), "nothing is forgotten by it"


def test_an_archive_that_is_gone_changes_nothing(used: Container, bucket: Path) -> None:
    first = history.listed(str(bucket), NAME)[0][-1]
    oldest = min((bucket / NAME).glob("*.tar.zst"), key=lambda path: path.stat().st_mtime_ns)
    oldest.unlink()
    again = history.listed(str(bucket), NAME)[0][-1]
    assert first.whole and not again.whole
    before, said = found(used.root), list[str]()
    with pytest.raises(OSError, match="is damaged or gone"):
        history.go_back(str(used.root.parent), str(bucket), again, into(said))
    assert found(used.root) == before and said == [], "nothing is taken, or set aside"


def test_a_second_one_at_the_same_time_is_refused(
    used: Container, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would remove what the first one has unpacked."""
    monkeypatch.setattr(exchange, "LAST", 0.0)
    first, local = history.listed(str(bucket), NAME)[0][-1], str(used.root.parent)
    real, errors = Restoring.restore, []

    def restore(self: Restoring) -> None:
        real(self)
        if not errors:
            with pytest.raises(OSError, match="^another melda-env back runs in this container$") as told:
                history.go_back(local, str(bucket), first, print)
            errors.append(told.value)

    monkeypatch.setattr(Restoring, "restore", restore)
    history.go_back(local, str(bucket), first, print)
    assert errors and found(used.root) == {"zebra": "1"}


def test_what_is_not_whole_changes_nothing(used: Container, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, before = history.listed(str(bucket), NAME)[0][-1], found(used.root)
    real = exchange.exchange

    def emptied(shape: tree.Layout, whole: str, *more: Any) -> list[str]:
        shutil.rmtree(whole)
        return real(shape, whole, *more)

    monkeypatch.setattr(exchange, "exchange", emptied)
    with pytest.raises(OSError, match="^what was unpacked is not whole any more"):
        history.go_back(str(used.root.parent), str(bucket), first, print)
    assert found(used.root) == before


def test_an_older_form_of_a_generation_is_whole_too(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a folder as one entry that is opened now, and a program that each container makes."""
    one = container()
    older = one.folder._layout._replace(shared=(), made=())
    monkeypatch.setattr(tree, "layout", lambda _: older)
    one = container()
    install(one.root, "zebra", "1")
    (one.root / "share" / "man").mkdir(parents=True)
    (one.root / "bin" / "pip-python").write_text("x")
    one.wait(70)
    monkeypatch.undo()
    first = history.listed(str(bucket), NAME)[0][-1]
    one.start()
    install(one.root, "zebra", "2")
    one.wait(70)
    history.go_back(str(one.local), str(bucket), first, print)
    assert found(one.root) == {"zebra": "1"}


def test_nothing_is_saved_in_the_middle(used: Container, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = history.listed(str(bucket), NAME)[0][-1]
    seen: list[str] = []
    real = os.rename

    def look(source: str, target: str, **more: object) -> None:
        seen.append(used.folder._layout.busy(str(used.root)))
        real(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", look)
    monkeypatch.setattr(Restoring, "restore", Restoring.restore)
    history.go_back(str(used.root.parent), str(bucket), first, print)
    assert seen[-1] == exchange.MARK


def test_killed_in_the_middle_it_can_be_done_again(
    used: Container, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = history.listed(str(bucket), NAME)[0][-1]
    real, calls = os.rename, []

    def killed(source: str, target: str, **more: object) -> None:
        if exchange.MARK in target:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
        real(source, target, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            history.go_back(str(used.root.parent), str(bucket), first, print)
    history.go_back(str(used.root.parent), str(bucket), first, print)
    assert found(used.root) == {"zebra": "1"}


def test_what_is_no_manifest_of_ours_is_skipped(used: Container, bucket: Path) -> None:
    (bucket / NAME / ("0" * 16 + ".json.old")).write_text("{")
    (bucket / NAME / ("1" * 16 + ".json.old")).mkdir()
    assert len(history.listed(str(bucket), NAME)[0]) == 5
    install(used.root, "yak", "2")
    used.wait()
    assert len(history.listed(str(bucket), NAME)[0]) == 6 and (used.root / SITE / "yak").exists()
