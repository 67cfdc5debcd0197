"""A plugin folder whose bucket holds what is damaged, garbage, of an older form, or takes nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from melda.sync import synced_dir
from melda.sync.in_bucket import store

from tests.unit.melda.sync.folders import NAME, Make, found, install


def part(bucket: Path, number: int = -1) -> Path:
    return sorted((bucket / NAME).glob("*.tar.zst"), key=lambda path: path.stat().st_mtime_ns)[number]


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
        return
    path.write_bytes(
        {"truncated": content[:-7], "empty": b"", "longer": content + b"x", "garbage": os.urandom(len(content))}.get(
            how
        )
        or (b"" if how == "empty" else content[:20] + bytes([content[20] ^ 1]) + content[21:])
    )


def of_two_archives(container: Make, bucket: Path) -> None:
    """What a container leaves in the bucket: an archive with zebra, a newer one with yak."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    os.utime(part(bucket), ns=(0, 0))
    install(one.root, "yak", "1")
    one.wait()


@pytest.mark.parametrize("how", ["truncated", "empty", "longer", "garbage", "one bit", "gone"])
def test_a_damaged_archive_is_set_aside_and_the_newest_good_state_is_used(
    container: Make, bucket: Path, how: str
) -> None:
    of_two_archives(container, bucket)
    spoil(part(bucket), how)
    two = container()
    assert found(two.root) == {"zebra": "1"}
    assert "damaged and set aside" in " ".join(two.output)
    two.wait()
    assert list((bucket / NAME).glob("*.json.bad"))
    assert how == "gone" or list((bucket / NAME).glob("*.tar.zst.bad"))
    install(two.root, "xerus", "1")
    two.wait()
    three = container()
    assert found(three.root) == {"zebra": "1", "xerus": "1"} and three.output == []


def test_the_oldest_archive_damaged_leaves_the_others(container: Make, bucket: Path) -> None:
    of_two_archives(container, bucket)
    spoil(part(bucket, 0), "one bit")
    assert found(container().root) == {"yak": "1"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", "[" * 100000, '{"schema": 2}', "\0\xff", '{"schema": 1, "parents": 3}']
)
def test_garbage_among_the_manifests_is_ignored(container: Make, bucket: Path, text: str) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (bucket / NAME / "0123456789abcdef.json").write_text(text, encoding="latin-1")
    (bucket / NAME / "notes.txt").write_text("mine")
    (bucket / NAME / "0123456789abcdee.json").mkdir()
    two = container()
    assert found(two.root) == {"zebra": "1"}
    assert any("no manifest" in line for line in two.output)
    install(two.root, "yak", "1")
    two.wait()
    assert found(container().root) == {"zebra": "1", "yak": "1"}


@pytest.mark.parametrize("what", ["fifo", "link", "device"])
def test_what_is_no_file_in_the_bucket_is_not_opened(container: Make, bucket: Path, what: str) -> None:
    of_two_archives(container, bucket)
    newest = part(bucket)
    newest.unlink()
    for path in (newest, bucket / NAME / "0123456789abcdef.json"):
        if what == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if what == "device" else bucket / NAME / "notes")
    two = container()
    assert found(two.root) == {"zebra": "1"}
    assert (
        "is damaged and set aside when the rest is saved (it is no file)" in " ".join(two.output)
        and "no manifest" in two.output[0]
    )


def test_a_number_that_is_the_highest_does_no_harm(container: Make, bucket: Path) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (path,) = (bucket / NAME).glob("*.json")
    path.write_text(path.read_text().replace('"number": 1', f'"number": {1 << 53}'))
    two = container()
    for name in ("yak", "xerus"):
        install(two.root, name, "1")
        two.wait()
    assert set(found(container().root)) == {"zebra", "yak", "xerus"}


def test_too_many_manifests_are_not_all_read(container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_MANIFESTS", 2)
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    for number in range(4):
        (bucket / NAME / f"fffffffffffffff{number}.json").write_text("{}")
    two = container()
    assert found(two.root) == {"zebra": "1"} and len(two.output) == 4


@pytest.mark.parametrize("kept", ["file", "file above"])
def test_a_file_in_the_place_of_our_folder_is_set_aside(container: Make, bucket: Path, kept: str) -> None:
    if kept == "file":
        bucket.mkdir()
        (bucket / NAME).write_text("mine")
    else:
        bucket.write_text("mine")
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    assert found(container().root) == {"zebra": "1"}


def test_the_old_form_is_taken_over_once(container: Make, bucket: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    install(old, "zebra", "1")
    (old / "flat.py").write_text("as pip's target left it\n")
    one = container()
    one.start(str(old))
    assert found(one.root) == {"zebra": "1"}
    assert (old / "flat.py").exists(), "until it is saved"
    one.wait()
    assert list(old.iterdir()) == []
    two = container()
    assert found(two.root) == {"zebra": "1"} and (two.root / "flat.py").exists()


def test_of_the_old_form_stays_what_cannot_be_saved(
    container: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    install(old, "zebra", "1")
    (old / "large").mkdir()
    (old / "large" / "data").write_bytes(bytes(9000))
    one = container()
    one.start(str(old))
    with monkeypatch.context() as full:
        full.setattr(synced_dir, "LARGEST_ENTRY", 5000)
        one.wait(70)
    assert [path.name for path in old.rglob("*") if path.is_file()] == ["data"]
    one.wait(70)
    assert list(old.iterdir()) == [] and (container().root / "large" / "data").stat().st_size == 9000


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_bucket_that_takes_nothing_is_said_once_and_tried_again(
    container: Make, bucket: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")

    def refuse(_: int) -> None:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        one.wait(30)
    assert one.folder.problem == "not saved: " + os.strerror(error)
    assert len(one.output) == 1
    assert list((bucket / NAME).iterdir()) == []
    one.wait(70)
    assert one.folder.problem == ""
    assert found(container().root) == {"zebra": "1"}


def test_a_bucket_that_cannot_be_read_is_asked_again_and_nothing_is_saved_over_it(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    two.folder.restored = False
    (two.local / f"{NAME}.json").unlink()
    shutil.rmtree(two.root)
    two.root.mkdir()

    def refuse() -> object:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as broken:
        broken.setattr(two.folder._store, "generations", refuse)
        with pytest.raises(OSError, match="broken"):
            two.folder.restore()
    install(two.root, "yak", "1")
    two.folder.flush("", two.clock)
    assert not two.folder.restored
    two.folder.restore()
    two.wait()
    assert found(container().root) == {"zebra": "1", "yak": "1"}


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_link_in_the_place_of_our_folder_is_set_aside_and_nothing_goes_through_it(
    container: Make, bucket: Path, tmp_path: Path, when: str, above: bool
) -> None:
    other = container()
    install(other.root, "yak", "1")
    other.wait()
    elsewhere, ours = tmp_path / "elsewhere", bucket if above else bucket / NAME
    one = container()
    ours.rename(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    ours.symlink_to(elsewhere)
    if when == "before":
        one = container()
        assert found(one.root) == {}
        assert f"{NAME}: {ours} is a link; what is behind it is not read" in one.output
    install(one.root, "zebra", "1")
    one.wait()
    assert found(container().root) == {"zebra": "1", **({"yak": "1"} if when == "meanwhile" else {})}
    assert sorted(elsewhere.rglob("*")) == before
    assert ours.is_dir() and not ours.is_symlink()
    (aside,) = ours.parent.glob(f"{ours.name}.set-aside-*")
    assert aside.readlink() == elsewhere
