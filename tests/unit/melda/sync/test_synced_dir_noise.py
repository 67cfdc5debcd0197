"""A noisy file, one that cannot be archived, a FIFO: the entry's own problem; all others are saved on time."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

import pytest
from melda.base.folders import remove
from melda.sync import synced_dir as folders
from melda.sync.in_bucket import archive
from melda.sync.on_disk import debounce, leftovers

from tests.unit.deep_folders import descend
from tests.unit.melda.sync.folders import SITE, Container, Make, found, install


def wait(one: Container, seconds: int, *noisy: Path) -> None:
    """Time goes by, and these files change twice a second."""
    for _ in range(seconds):
        for path in noisy:
            path.write_text(path.read_text() + "x")
        one.wait(1)


def test_a_noisy_file_keeps_nothing_else_from_being_saved(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    log = one.root / SITE / "noisy.log"
    log.write_text("")
    wait(one, 5, log)
    install(one.root, "yak", "1")
    wait(one, int(debounce.GRACE) + 5, log)
    assert set(found(container().root)) == {"zebra", "yak"}
    assert one.folder.dirty and one.folder.left_out == {}, "it may be an installation"
    wait(one, int(debounce.NOISY), log)
    assert one.folder.left_out == {f"{SITE}/noisy.log": "it changes all the time"} and not one.folder.dirty
    assert [line for line in one.output if "left out" in line] == [
        "Python-3.11.2: noisy.log is left out: it changes all the time; all else is saved"
    ]
    install(one.root, "xerus", "1")
    wait(one, 4, log)
    assert set(found(container().root)) == {"zebra", "yak", "xerus"}, "it is waited for no more"
    one.wait(int(2 * folders.RESCAN) + 3)
    assert one.folder.left_out == {}
    assert (container().root / SITE / "noisy.log").read_text() == log.read_text(), "saved as it is quiet"


def test_a_package_is_saved_as_a_whole_or_stays_as_it_was(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    one.wait()
    install(one.root, "zebra", "2")
    data = one.root / SITE / "zebra" / "data"
    data.write_text("")
    wait(one, 30, data)
    install(one.root, "yak", "2")
    wait(one, 30, data)
    assert found(container().root) == {"zebra": "1", "yak": "2"}, "never a .dist-info without its package"
    one.wait(30)
    assert found(container().root) == {"zebra": "2", "yak": "2"}


def test_packages_that_share_a_folder_are_one(container: Make) -> None:
    one = container()
    install(one.root, "yak", "1")
    one.wait()
    for name in ("a", "b"):
        info = one.root / SITE / f"{name}-1.dist-info"
        info.mkdir()
        (info / "RECORD").write_text(f"space/{name}.py,,\n{info.name}/RECORD,,\n")
    (one.root / SITE / "space").mkdir()
    log = one.root / SITE / "space" / "log"
    log.write_text("")
    wait(one, 30, log)
    assert sorted(path.name for path in (container().root / SITE).iterdir()) == ["yak", "yak-1.dist-info"]
    one.wait(30)
    assert (container().root / SITE / "b-1.dist-info").exists()


def test_the_rest_is_compacted_and_what_is_noisy_stays_where_it_lies(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    data = one.root / SITE / "zebra" / "data"
    data.write_text("")
    for number in range(20):
        install(one.root, "yak", str(number))
        wait(one, 15, data)
    new = container()
    assert found(new.root) == {"zebra": "1", "yak": "19"} and new.output == []


def test_at_the_end_it_is_saved_as_well_as_it_can_be(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    for name in ("zebra", "yak", "partial"):
        install(one.root, name, "2")
    noisy = [one.root / SITE / name / "data" for name in ("zebra", "partial")]
    for path in noisy:
        path.write_text("")
    wait(one, 70, *noisy)
    (one.root / SITE / "partial" / "__init__.py").unlink()
    wait(one, 1, *noisy)
    one.folder.flush("", one.clock)
    assert found(container().root) == {"zebra": "2", "yak": "2"}


def test_what_changes_while_it_is_archived_at_the_end_costs_itself(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    pack, count = archive.pack, itertools.count()

    def changing(*arguments: object) -> None:
        pack(*arguments)  # type: ignore[arg-type]
        (one.root / SITE / "zebra" / "data").write_text("x" * next(count))

    monkeypatch.setattr(archive, "pack", changing)
    one.folder.flush("", one.clock)
    assert found(container().root) == {"yak": "1"}


@pytest.mark.parametrize("what", ["nested", "sparse", "fifo", "socket"])
def test_what_cannot_be_archived_costs_itself(container: Make, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    install(one.root, "zebra", "1")
    odd = one.root / SITE / "odd"
    if what == "nested":
        odd.mkdir()
        descend(odd, 3_000)  # deeper than a path may be long; tests/container/test_race.py goes on to 100,000
    elif what == "sparse":
        with odd.open("wb") as stream:
            stream.truncate(1 << 40)
    elif what == "fifo":
        os.mkfifo(odd)
    else:
        monkeypatch.chdir(odd.parent)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("odd")
    try:
        one.wait(70)
        assert set(found(container().root)) == {"zebra"}
        (why,) = one.folder.left_out.values()
        assert {"nested": "nested", "sparse": "room", "fifo": "no file", "socket": "no file"}[what] in why
        assert sum("odd is left out" in line for line in one.output) == 1
        monkeypatch.setattr(leftovers, "SETTLED", -1.0)  # it has been there for a while
        one.start()
        left = {name.partition(".set-aside-")[0] for name in found_names(one.root)}
        assert left == {"zebra", "odd"}, "it is nowhere else"
    finally:
        remove(str(odd))
    assert not os.path.lexists(odd)


def test_a_fifo_in_a_package_is_not_kept_and_said_once(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    os.mkfifo(one.root / SITE / "zebra" / "fifo")
    one.wait(70)
    assert one.output.count("Python-3.11.2: not kept: zebra/fifo is no file and no folder") == 1
    two = container()
    assert found(two.root) == {"zebra": "1"} and not (two.root / SITE / "zebra" / "fifo").exists()
    assert one.folder.problem == "" and one.folder.left_out == {}


def test_what_nobody_would_unpack_is_not_archived(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ALWAYS", 200_000)
    one = container()
    install(one.root, "zebra", "1")
    (one.root / SITE / "zeros").write_bytes(bytes(3_000_000))
    one.wait(10)
    assert "compress too well to be unpacked safely" in one.folder.left_out[f"{SITE}/zeros"]
    assert found(container().root) == {"zebra": "1"}


def test_a_disk_without_room_is_said_in_one_line(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "room", lambda _: 3_000)
    one = container()
    for name in ("zebra", "yak", "xerus"):
        install(one.root, name, "1")
    one.wait(30)
    assert "on local disk, which has room for" in one.folder.problem and len(one.output) == 1


def test_a_sign_of_an_installation_that_stays_is_garbage(container: Make) -> None:
    one = container()
    (one.root / SITE / "~ebra").mkdir(parents=True)
    install(one.root, "zebra", "1")
    one.wait(int(folders.TIMEOUT) + 10)
    install(one.root, "yak", "1")
    one.wait(5)
    assert found_names(container().root) == {"zebra", "yak"}


def found_names(root: Path) -> set[str]:
    return {path.name for path in (root / SITE).iterdir() if path.suffix != ".dist-info"}
