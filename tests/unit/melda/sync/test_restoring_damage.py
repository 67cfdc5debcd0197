"""A restart where the bucket cannot give back what is here: only what it has given takes the place of what was here."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from melda.base import folders
from melda.sync import taking
from melda.sync.on_disk import distributions

from tests.unit.melda.sync.folders import SITE, Container, Make, found, install, remove
from tests.unit.melda.sync.test_synced_dir_damage import part, spoil


def silent(*_: Any) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def killed_pip(one: Container) -> None:
    """Half of a new package is there, so that a restart looks at all."""
    (one.root / SITE / "half-1.dist-info").mkdir()


def of_two_versions(container: Make) -> tuple[Container, Container]:
    """A container with one version of a package, and another one that has saved the next."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    install(two.root, "zebra", "2")
    two.wait()
    return one, two


@pytest.mark.parametrize("how", ["truncated", "one bit", "gone"])
def test_what_is_here_outlives_its_archive(container: Make, bucket: Path, how: str) -> None:
    """It was removed before the archive was looked at, and then was nowhere."""
    one = container()
    install(one.root, "zebra", "1")
    (one.root / "share").mkdir()
    (one.root / "share" / "notes").write_text("mine")
    one.wait(70)
    killed_pip(one)
    spoil(part(bucket), how)
    one.start()
    assert found(one.root) == {"zebra": "1"} and (one.root / "share" / "notes").read_text() == "mine"
    one.wait(70)
    two = container()
    assert found(two.root) == {"zebra": "1"} and (two.root / "share" / "notes").read_text() == "mine"


def test_an_older_state_that_is_here_is_better_than_none(container: Make, bucket: Path) -> None:
    """Of another container's newer state one archive can be read, of the other all is lost."""
    one = container()
    for name in ("zebra", "gone", "owl"):
        install(one.root, name, "1")
    one.wait()
    two = container()
    install(two.root, "owl", "2")
    remove(two.root, "gone")
    two.wait()
    os.utime(part(bucket), ns=(1, 1))
    install(two.root, "zebra", "2")
    install(two.root, "yak", "1")
    two.wait(70)
    for path in bucket.glob("*/*.json"):  # nothing older can be had
        if len(list(bucket.glob("*/*.json"))) > 1 and path != max(
            bucket.glob("*/*.json"), key=lambda other: other.stat().st_mtime_ns
        ):
            path.unlink()
    spoil(part(bucket), "one bit")
    one.start()
    assert found(one.root) == {"zebra": "1", "owl": "2"}
    one.wait(70)
    assert found(container().root) == {"zebra": "1", "owl": "2"}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN])
def test_while_the_bucket_does_not_answer_all_is_here(
    container: Make, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    (one.root / "share").mkdir()
    (one.root / "share" / "notes").write_text("mine")
    one.wait(70)
    two = container()
    install(two.root, "zebra", "2")
    remove(two.root, "yak")
    (two.root / "share" / "notes").write_text("new")
    two.wait(70)

    def silent(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(taking.Store, "open", silent)
        for _ in range(2):
            with pytest.raises(OSError, match=os.strerror(number)):
                one.start()
            assert found(one.root) == {"zebra": "1"} and (one.root / "share" / "notes").read_text() == "mine"
            assert not one.folder.reread(), "it must be restored"
    one.start()
    assert found(one.root) == {"zebra": "2"}
    assert [path.read_text() for path in (one.root / "share").iterdir()] == ["new"], "and it is known that it was saved"


@pytest.mark.parametrize("attempts", [0, 1])
def test_what_the_bucket_lost_before_a_restart_or_between_two_attempts_is_saved_again(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    """It was taken for saved; or the last copy of it was removed."""
    one = container()
    install(one.root, "zebra", "1")
    one.wait(70)
    two = container()
    install(two.root, "yak", "1")
    two.wait(70)

    for _ in range(attempts):
        with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
            patched.setattr(taking.Store, "open", silent)
            one.start()
    shutil.rmtree(bucket / one.root.name)
    if attempts:
        one.folder.restore()
    else:
        two.start()
    here = one if attempts else two
    assert "zebra" in found(here.root)
    here.wait(70)
    assert found(container().root) == found(here.root)


class Killed(BaseException):
    """Nothing runs any more."""


@pytest.mark.parametrize("number", range(0, 24, 2))
def test_killed_in_the_middle_it_is_whole_after_the_next_start(
    container: Make, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    one = container()
    for name in ("zebra", "gone", "owl"):
        install(one.root, name, "1")
    one.wait()
    two = container()
    install(two.root, "zebra", "2")
    install(two.root, "owl", "2")
    install(two.root, "yak", "1")
    remove(two.root, "gone")
    (two.root / "share").mkdir()
    (two.root / "share" / "notes").write_text("mine")
    two.wait(70)
    wanted = found(two.root)
    calls = iter([None] * number)

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(calls, Killed) is Killed and str(one.root) + "/" in str(arguments[-1]):
                raise Killed
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(folders, "remove", counted(folders.remove))
        patched.setattr(distributions, "merge", counted(distributions.merge))
        with contextlib.suppress(Killed):
            one.start()
    one.start()
    assert found(one.root) == wanted
    assert not [path for path in one.root.rglob("*") if "set-aside" in path.name], "all of it is the bucket's"
    one.wait(70)
    assert found(container().root) == wanted


@pytest.mark.parametrize("damaged", [False, True])
def test_where_there_is_no_room_for_both_what_the_bucket_has_makes_room(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    one, _ = of_two_versions(container)
    if damaged:
        spoil(part(bucket), "one bit")

    def room(folder: str) -> int:
        return 0 if (one.root / SITE / "zebra").exists() and str(one.local) in folder else 1 << 30

    with monkeypatch.context() as patched:
        patched.setattr(taking.archive, "room", room)
        with pytest.raises(OSError, match="No space left") if damaged else contextlib.nullcontext():
            one.start()
        assert found(one.root) == {"zebra": "1" if damaged else "2"}
    one.start()
    assert found(one.root) == {"zebra": "1" if damaged else "2"}


FULL = """if [ -e "$FULL" ]; then cat > /dev/null; echo "tar: x: Cannot mkdir: $SAID" >&2; exit 2; fi; exec tar "$@" """


@pytest.mark.parametrize("said", ["No space left on device", "Disk quota exceeded"])
def test_what_tar_says_of_a_full_disk_makes_room_too(
    container: Make, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """It had no number, and was no full disk: inodes, or a quota, ran out while there was room by the file system."""
    one, two = of_two_versions(container)
    script = FULL.replace("$FULL", str(one.root / SITE / "zebra")).replace("$SAID", said)
    monkeypatch.setattr(taking.archive, "UNTAR", ("sh", "-c", script, *taking.archive.UNTAR))
    one.start()
    assert found(one.root) == {"zebra": "2"}
    install(two.root, "zebra", "3")
    two.wait()
    monkeypatch.setattr(taking, "FULL", ())
    with pytest.raises(OSError, match=f"^.Errno [0-9]*. unpacking: {said}$"):
        one.start()


def test_what_an_attempt_has_unpacked_does_not_fill_the_disk_for_the_next(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = of_two_versions(container)
    work, real = one.local / f"{one.root.name}.new", taking.local_index.write

    def write(known: Any, path: str) -> None:
        if work.exists() and (work / "half").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(known, path)

    monkeypatch.setattr(taking.local_index, "write", write)
    work.mkdir()
    (work / "half").write_text("all of the disk")
    one.start()
    assert found(one.root) == {"zebra": "2"}


@pytest.mark.parametrize("restart", [False, "seen", "saved", "again"])
def test_an_archive_that_is_gone_is_written_again_where_all_of_it_is_here(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch, restart: object
) -> None:
    """Nothing else was new, so a restart did not look; or a start elsewhere had set the whole generation aside."""
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "gone", "1")
    one.wait()
    install(one.root, "zebra", "2")
    install(one.root, "yak", "1")
    remove(one.root, "gone")
    one.wait()
    spoil(part(bucket), "one bit" if restart else "gone")
    if restart:
        two = container()
        assert found(two.root) == {"zebra": "1"}, "and not what its user removed"
        two.wait(0 if restart == "seen" else 5)
    if restart == "again":
        with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
            patched.setattr(taking.Store, "open", silent)
            one.start()
    one.start()
    assert found(one.root) == {"zebra": "2", "yak": "1"}
    one.wait(70)
    assert found(container().root) == found(one.root)


@pytest.mark.parametrize("seconds", [0, 5])
@pytest.mark.parametrize("seen", [True, False])
def test_of_a_generation_that_was_set_aside_nothing_takes_the_place_of_what_is_newer(
    container: Make, bucket: Path, seen: bool, seconds: int
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    install(one.root, "zebra", "2")
    install(one.root, "yak", "1")
    one.wait()
    spoil(part(bucket), "one bit")
    for version in ("8", "9"):
        install(two.root, "zebra", version)
        two.wait()
    if seen:
        container().wait(seconds)
    one.start()
    assert found(one.root) == {"zebra": "9", "yak": "1"}
