"""A plugin folder when its container stops: what is whole is saved, what may be missing is named."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from melda.sync import synced_dir as folders

from tests.unit.melda.sync.folders import NAME, SITE, Make, as_nobody, found, install, let_in, remove

PIP = "pip install slow"


def test_a_pip_that_is_cut_off_costs_only_what_it_did(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    one.installing = PIP
    install(one.root, "zebra", "2")
    install(one.root, "yak", "1")
    one.wait(4)
    (one.root / SITE / "slow").mkdir()
    one.wait(10)
    missing = one.folder.flush(PIP, one.clock)
    assert missing == f"{NAME}: not saved: slow ({PIP} was interrupted; what it did is not kept)"
    assert one.output[-1] == missing
    two = container()
    assert found(two.root) == {"zebra": "2", "yak": "1"}


def test_what_came_just_now_is_not_trusted_if_somebody_was_installing(container: Make) -> None:
    one = container()
    one.installing = PIP
    one.wait(2)
    install(one.root, "zebra", "1")
    assert "not saved: zebra (" in one.folder.flush(PIP, one.clock)
    assert one.folder.flush("", one.clock) == ""
    assert found(container().root) == {"zebra": "1"}


def test_a_pip_that_waits_with_nothing_done_costs_nothing(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    assert one.folder.flush(PIP, one.clock) == "" and "not saved" not in " ".join(one.output)


@pytest.mark.parametrize("sign", ["~ak", "slow-1.dist-info"])
def test_what_an_installation_left_costs_nobody_else(container: Make, sign: str) -> None:
    one = container()
    (one.root / SITE / sign).mkdir(parents=True)
    install(one.root, "zebra", "1")
    one.wait(5)
    missing = one.folder.flush("", one.clock)
    assert bool(missing) == (sign != "~ak"), "what pip takes away is nothing that is kept"
    if missing:
        assert "slow-1.dist-info" in missing and "zebra" not in missing
        shutil.rmtree(one.root / SITE / sign)
    assert found(container().root) == {"zebra": "1"}


@pytest.mark.parametrize("stopped", [True, False])
def test_what_an_upgrade_took_away_before_it_was_cut_off_stays_in_the_bucket(container: Make, stopped: bool) -> None:
    one = container()
    install(one.root, "zebra", "1")
    install(one.root, "yak", "1")
    one.wait()
    one.installing = PIP
    remove(one.root, "zebra")
    install(one.root, "yak", "2")
    one.wait(60)
    if stopped:
        assert "zebra" in one.folder.flush(PIP, one.clock)
    assert found(container().root) == {"zebra": "1", "yak": "2" if stopped else "1"}


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ENOSPC])
def test_what_the_bucket_does_not_take_is_named(container: Make, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(error, os.strerror(error))

    one = container()
    for name in ("a", "b", "c", "d", "e", "f"):
        install(one.root, name, "1")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        missing = one.folder.flush("", one.clock)
    assert missing == f"{NAME}: not saved: a, b, c, d, e and 1 more ({os.strerror(error)})"
    assert one.output == [f"{NAME} is saved as the container stops: a, b, c, d, e and 1 more", missing]
    assert one.folder.flush("", one.clock) == "" and len(found(container().root)) == 6


def test_a_folder_that_cannot_be_looked_at_is_no_success(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EIO, "broken")

    one = container()
    monkeypatch.setattr(one.folder, "_survey", refuse)
    assert one.folder.flush("", one.clock) == f"{NAME}: not saved: what is in it (broken)"


def test_what_there_is_no_room_for_is_missing_and_what_is_no_file_is_not(
    container: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    os.mkfifo(one.root / SITE / "fifo")
    assert one.folder.flush("", one.clock) == "", "no bucket could hold it"
    monkeypatch.setattr(folders, "LARGEST_ENTRY", 10_000)
    (one.root / SITE / "large").write_bytes(bytes(20_000))
    missing = one.folder.flush("", one.clock)
    assert missing.startswith(f"{NAME}: not saved: large (it has 0.0 GB")
    assert (one.root / SITE / "large").exists() and not (container().root / SITE / "large").exists()


def test_what_changes_all_the_time_is_named(container: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = container()
    install(one.root, "zebra", "1")
    monkeypatch.setattr(one.folder, "_is_still", lambda entry, _: "zebra" not in entry)
    (one.root / SITE / "alone.py").write_text("")
    assert one.folder.flush("", one.clock) == f"{NAME}: not saved: zebra (it changes all the time)"
    assert (container().root / SITE / "alone.py").exists()


def test_what_python_compiled_is_not_missed(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    (one.root / SITE / "__pycache__").mkdir()
    assert one.folder.flush(PIP, one.clock) == ""


def test_before_it_is_restored_it_is_known_what_only_this_container_has(
    container: Make, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    one.wait()
    two = container()
    two.folder.restored = False
    assert two.folder.unknown() == set() and two.folder.flush("", two.clock) == ""
    install(two.root, "yak", "1")
    two.folder._saved = folders.local_index.NOTHING
    assert two.folder.unknown() == {"bin/yak", f"{SITE}/yak", f"{SITE}/yak-1.dist-info"}
    assert "not saved: yak (what the bucket has was not restored)" in two.folder.flush("", two.clock)


CLOSED = ["file", "folder", "inner folder", "listed only", "passable only", "entry", "after a FIFO"]


def close(root: Path, what: str) -> None:
    """Put into zebra what cannot be read, with something in it."""
    path = root / SITE / "zebra" / "a" / "secret"
    path.parent.mkdir()
    if what == "after a FIFO":
        os.mkfifo(root / SITE / "zebra" / "a-fifo")
    if what in ("file", "after a FIFO"):
        path.write_text("x")
        path.chmod(0o000)
        return
    path.mkdir()
    (path / "inner").mkdir()
    (path / "inner" / "file").write_text("x")
    path = {"inner folder": path / "inner", "entry": root / SITE / "zebra"}.get(what, path)
    path.chmod({"listed only": 0o444, "passable only": 0o111}.get(what, 0o000))


@pytest.mark.parametrize("what", CLOSED)
def test_what_cannot_be_read_is_named_and_missing(container: Make, what: str) -> None:
    one = container()
    install(one.root, "zebra", "1")
    close(one.root, what)
    name = {"inner folder": "zebra/a/secret/inner", "entry": "zebra"}.get(what, "zebra/a/secret")
    one.wait(70)
    assert one.output.count(f"{NAME}: not kept: {name} cannot be read") == 1
    assert one.folder.left_out == {f"{SITE}/zebra": f"{name} cannot be read"}
    assert one.folder.flush("", one.clock) == f"{NAME}: not saved: zebra ({name} cannot be read)"
    (one.root / SITE / "zebra").chmod(0o755)
    for path in (one.root / SITE / "zebra").glob("a/secret*"):
        path.chmod(0o755)
    for path in (one.root / SITE / "zebra").glob("a/secret/inner"):
        path.chmod(0o755)
    assert one.folder.flush("", one.clock) == ""


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("what", [*CLOSED, "root's"])
def test_the_user_misses_what_cannot_be_read_and_nothing_else(container: Make, tmp_path: Path, what: str) -> None:
    """As root there is nothing that cannot be read."""
    one = container()
    (one.root / SITE).mkdir(parents=True)
    (one.root / SITE / "mine").write_text("x")
    if what == "root's":
        (one.root / SITE / "zebra").mkdir()
    let_in(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534)
    if what == "root's":
        (one.root / SITE / "zebra" / "secret").write_text("x")
        (one.root / SITE / "zebra" / "secret").chmod(0o640)

    def act() -> None:
        if what != "root's":
            install(one.root, "zebra", "1")
            close(one.root, what)
        assert "zebra" in one.folder.flush("", one.clock)
        two = container()
        assert (two.root / SITE / "mine").exists()
        assert (two.root / SITE / "zebra").exists() == (what != "entry"), "the rest of it"
        assert two.folder.flush("", two.clock) == "", "what is not there is not missed for ever"

    assert as_nobody(act) == 0
