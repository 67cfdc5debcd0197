"""What two heads bring into one folder, where packages share a folder like ``google`` or ``nvidia``."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from melda.base import folders
from melda.sync import precedence
from melda.sync.in_bucket import archive
from melda.sync.on_disk import tree

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, found, install, remove
from tests.unit.melda.sync.test_synced_dir_damage import part, spoil


def share(root: Path, name: str, version: str) -> None:
    """Install a package that has files in a folder of others too: one that each version has, and one of its own."""
    install(root, name, version)
    folder = root / SITE / "google"
    folder.mkdir(exist_ok=True)
    for old in folder.glob(f"{name}_*"):
        old.unlink()
    files = (f"{name}.py", f"{name}_{version}.py")
    for file in files:
        (folder / file).write_text(version)
    record = root / SITE / f"{name}-{version}.dist-info" / "RECORD"
    record.write_text(record.read_text() + "".join(f"google/{file},,\n" for file in files))


def shared(one: Container) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (one.root / SITE / "google").iterdir()}


ALL = {"zebra": "3", "zebra_3": "3", "yak": "1", "yak_1": "1"}


def two_heads(container: Make) -> Container:
    """Return the container that has updated zebra, while another one installed yak beside the first zebra."""
    one = container()
    share(one.root, "zebra", "1")
    one.wait()
    two = container()
    for version in ("2", "3"):
        share(one.root, "zebra", version)
        one.wait(70)
    share(two.root, "yak", "1")
    two.wait(70)
    return one


def test_a_restart_takes_no_file_out_of_anothers_package(container: Make) -> None:
    """What was merged into the folder went with it when its own head came."""
    one = two_heads(container)
    one.start()
    assert shared(one) == ALL
    one.wait(70)
    assert shared(container()) == ALL


@pytest.mark.parametrize("last", ["zebra", "yak"])
def test_a_new_container_has_the_files_of_the_newer_version_and_no_other(container: Make, last: str) -> None:
    """Of two versions in a folder that packages share, whichever head came last."""
    one = two_heads(container)
    if last == "zebra":
        share(one.root, "xerus", "1")
        one.wait(70)
    wanted = {**ALL, **({"xerus": "1", "xerus_1": "1"} if last == "zebra" else {})}
    two = container()
    assert shared(two) == wanted
    for again in (one, two):
        again.start()
        assert shared(again) == wanted


def test_what_was_left_out_does_not_come_back_with_the_archive_it_lies_in(container: Make) -> None:
    """The newer zebra has nothing in the folder any more."""
    one = container()
    share(one.root, "zebra", "1")
    one.wait()
    two = container()
    share(two.root, "yak", "1")
    two.wait(70)
    for version in ("2", "3"):
        folders.remove(str(one.root / SITE / "google"))
        install(one.root, "zebra", version)
        one.wait(70)
    for _ in range(2):
        new = container()
        assert shared(new) == {"yak": "1", "yak_1": "1"} and (new.root / SITE / "zebra-3.dist-info").exists()
        new.wait(70)


@pytest.mark.parametrize("room", [True, False])
def test_what_shares_a_folder_with_anothers_stays_where_its_own_archive_is_damaged(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    """It made way for the other head's, before its own archive was looked at."""
    one = two_heads(container)
    spoil(part(bucket, -2), "one bit")
    if not room:
        monkeypatch.setattr(
            archive, "room", lambda _: 0 if any((one.root / SITE / "google").glob("zebra*")) else 1 << 30
        )
    with contextlib.nullcontext() if room else pytest.raises(OSError, match="No space left"):
        one.start()
    assert (one.root / SITE / "zebra-3.dist-info").exists() and shared(one).items() >= {
        "zebra": "3",
        "zebra_3": "3",
    }.items()
    monkeypatch.undo()
    one.start()
    assert shared(one) == ALL
    one.wait(70)
    assert shared(container()) == ALL


@pytest.mark.parametrize("how", ["update", "remove"])
def test_a_folder_that_stays_for_what_is_not_saved_keeps_no_file_of_what_goes(container: Make, how: str) -> None:
    one = container()
    share(one.root, "zebra", "1")
    one.wait()
    two = container()
    if how == "update":
        share(two.root, "zebra", "2")
    else:
        remove(two.root, "zebra")
        folders.remove(str(two.root / SITE / "google"))
    two.wait(70)
    share(one.root, "yak", "1")
    one.start()
    assert shared(one) == {"yak": "1", "yak_1": "1", **({"zebra": "2", "zebra_2": "2"} if how == "update" else {})}
    one.wait(70)
    assert shared(container()) == shared(one)


def test_what_is_left_out_lies_in_the_folder(tmp_path: Path) -> None:
    """A RECORD may name any file, and a link may lead anywhere."""
    root, mine = tmp_path / NAME, tmp_path / "mine"
    mine.mkdir()
    for name in ("zebra", "yak"):
        share(root, name, "1")
        (mine / name).write_text("mine")
        (root / SITE / "google" / "link").unlink(missing_ok=True)
        (root / SITE / "google" / "link").symlink_to(mine)
        record = root / SITE / f"{name}-1.dist-info" / "RECORD"
        record.write_text(f"{record.read_text()}{mine / name},,\n../../../../mine/{name},,\ngoogle/link/{name},,\n")
    precedence.leave_out(tree.layout(NAME), str(root), {"zebra"})
    assert sorted(path.name for path in mine.iterdir()) == ["yak", "zebra"]
    assert sorted(path.name for path in (root / SITE / "google").iterdir()) == ["link", "yak.py", "yak_1.py"]


def test_what_nobody_needs_of_an_archive_makes_room_for_the_next(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version of a package stayed until all was unpacked, and took the room of the rest."""
    one = container()
    for version in ("1", "2", "3"):
        install(one.root, "zebra", version)
        install(one.root, f"yak{version}", "1")
        (one.root / SITE / f"yak{version}" / "large").write_bytes(os.urandom(100_000))
        one.wait(70)
    real, seen = archive.unpack, list[set[str]]()

    def unpack(source: Any, folder: str, *rest: Any) -> None:
        seen.append({path.name for path in Path(folder).parent.iterdir()} - {"whole", Path(folder).name})
        real(source, folder, *rest)

    monkeypatch.setattr(archive, "unpack", unpack)
    assert found(container().root) == {"zebra": "3", "yak1": "1", "yak2": "1", "yak3": "1"}
    assert seen == [set()] * 3


@pytest.mark.parametrize("first", ["edit", "install"])
@pytest.mark.parametrize("what", ["__init__.py", "data"])
@pytest.mark.parametrize("put", [install, share])
def test_what_was_changed_in_a_package_stays_whichever_head_came_last(
    container: Make, first: str, what: str, put: Any
) -> None:
    """Its .dist-info is in both heads as it was: the last one's package was taken, without the user's file."""
    one = container()
    put(one.root, "zebra", "1")
    one.wait()
    two = container()
    for now in (first, "install" if first == "edit" else "edit"):
        if now == "edit":
            (one.root / SITE / "zebra" / what).write_text("mine")
            one.wait(70)
        else:
            for name in ("yak", "xerus"):
                put(two.root, name, "1")
                two.wait(70)
    for again in (container(), one, two):
        again.start()
        assert (again.root / SITE / "zebra" / what).read_text() == "mine" and (again.root / SITE / "yak").is_dir()
    two.wait(70)
    assert (container().root / SITE / "zebra" / what).read_text() == "mine"


def test_a_package_that_each_head_has_left_to_the_other_is_here(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precedence, "refined", lambda *given: {"zebra"} if given[3] else set())
    one, two = container(), container()
    for other in (one, two):
        install(other.root, "zebra", "1")
        other.wait(70)
    assert found(container().root) == {"zebra": "1"}


def test_half_of_a_package_keeps_no_whole_one_out(container: Make, bucket: Path) -> None:
    """The archive with what the user had changed in it is damaged: its .dist-info came without it, and was saved so."""
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    one.wait(70)
    (one.root / SITE / "zebra" / "data").write_text("mine")
    one.wait(70)
    spoil(part(bucket), "garbage")
    two = container()
    assert found(two.root) == {"zebra": "1", "yak": "1"}
    two.wait(70)
    three = container()
    assert found(three.root) == {"zebra": "1", "yak": "1"} and (three.root / SITE / "zebra").is_dir()
