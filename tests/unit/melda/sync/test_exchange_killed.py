"""melda-env back is killed while the container goes on: the sync daemon puts back, and saves nothing of it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from melda.base import folders
from melda.sync import exchange, history, synced_dir
from melda.sync.on_disk import tree

from tests.unit.melda.sync.folders import NAME, SITE, Container, as_nobody, found, install, let_in
from tests.unit.melda.sync.going_back import Killed, back, killed_at


def kill(used: Container, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Begin, and leave all as it is after so many renames."""
    with monkeypatch.context() as patched:
        killed_at(used.root, patched, number, Killed())
        patched.setattr(exchange, "put_back", lambda *_: "")
        with pytest.raises(Killed):
            back(used)


@pytest.mark.parametrize("text", ["", "[]", '{"heads": [], "entries": [["bin/yak", true, ""]]}'])
def test_a_plan_for_another_state_changes_nothing(used: Container, text: str) -> None:
    mark = used.root / SITE / exchange.MARK
    mark.mkdir()
    (mark / exchange.PLAN).write_text(text)
    (mark / "0").write_text("old")
    used.start()
    assert "was interrupted; the folder is another one since; what was taken away is set aside" in "".join(used.output)
    for _ in range(2):
        (aside,) = (used.root / SITE).glob("melda-back.set-aside-*")
        assert (aside / "0").read_text() == "old" and not mark.exists()
        used.start()
    (used.root / SITE / aside.name).rename(used.root.parent / "aside")
    assert found(used.root) == {"zebra": "2", "yak": "1"}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("number", [0, 3, 7, 9])
def test_killed_in_a_container_that_goes_on_it_is_put_back(
    used: Container, monkeypatch: pytest.MonkeyPatch, number: int, last: bool
) -> None:
    """A terminal that is closed: after three minutes half of both states was saved."""
    shape, root = used.folder._layout, str(used.root)
    before = tree.signatures(shape, root)
    generations = history.listed(str(used.bucket), NAME)[0]
    kill(used, monkeypatch, number)
    with exchange.alone(root, "held"):
        used.wait(300)
        assert used.folder.dirty and used.folder._layout.busy(root) == exchange.MARK, "somebody is at it"
    if last:
        assert used.folder.flush("", used.clock) == ""
    else:
        used.wait(300)
    assert tree.signatures(shape, root) == before and "all is as it was before" in "".join(used.output)
    assert history.listed(str(used.bucket), NAME)[0] == generations
    used.start()
    assert tree.signatures(shape, root) == before


@pytest.mark.parametrize("what", [exchange.PLAN, f"{NAME}.json", "signature"])
def test_what_cannot_be_read_now_is_not_taken_for_another_state(
    used: Container, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before = tree.signatures(used.folder._layout, str(used.root))
    kill(used, monkeypatch, 6)
    real, signature = exchange.regular_files.read, tree.signature

    def failing(path: str, *more: Any) -> bytes:
        if path.endswith(what):
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, *more)

    def closed(path: str) -> str:
        if what == "signature" and "zebra" in path:
            raise OSError(errno.EMFILE, "Too many open files", path)
        return signature(path)

    with monkeypatch.context() as patched:
        patched.setattr(exchange.regular_files, "read", failing)
        patched.setattr(tree, "signature", closed)
        used.wait(200)
        assert used.folder.problem == "not saved: Too many open files" and (used.root / SITE / exchange.MARK).exists()
    used.wait(70)
    assert tree.signatures(used.folder._layout, str(used.root)) == before and used.folder.problem == ""


def test_one_that_does_not_go_on_is_named_and_nothing_is_saved(
    used: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, with ctrl-z say: what was half done then is saved never, but nobody waits for it unawares."""
    monkeypatch.setattr(exchange, "LAST", 0.0)
    generations = history.listed(str(used.bucket), NAME)[0]
    with exchange.alone(str(used.root), "held"):
        install(used.root, "owl", "1")
        used.wait(60)
        assert used.folder.dirty and used.folder.problem == ""
        used.wait(200)
        assert used.folder.problem == f"not saved: {exchange.BACK}"
        assert exchange.BACK in used.folder.flush("", used.clock)
    assert history.listed(str(used.bucket), NAME)[0] == generations
    used.wait(5)
    assert used.folder.problem == "" and len(history.listed(str(used.bucket), NAME)[0]) == len(generations) + 1


def test_it_waits_for_an_upload(used: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, root = used.folder._layout, str(used.root)
    before = tree.signatures(shape, root)
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)
    with exchange.alone(root, "held"), pytest.raises(OSError, match="^the sync daemon is at work; try again$"):
        back(used)
    assert tree.signatures(shape, root) == before
    with contextlib.ExitStack() as held:
        held.enter_context(exchange.alone(root, "held"))
        monkeypatch.setattr(exchange.time, "sleep", lambda _: held.close())
        back(used)
    assert found(used.root) == {"zebra": "1"}


def test_an_upload_keeps_it_from_beginning(used: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plan would be one for the state before."""
    monkeypatch.setattr(exchange, "PATIENCE", 0.0)
    real, refused = synced_dir.archive.pack, []

    def pack(*arguments: Any) -> None:
        with pytest.raises(exchange.Busy) as told:
            back(used)
        refused.append(str(told.value))
        real(*arguments)

    monkeypatch.setattr(synced_dir.archive, "pack", pack)
    install(used.root, "owl", "1")
    used.wait()
    assert refused == [exchange.SAVING] and found(used.root) == {"zebra": "2", "yak": "1", "owl": "1"}


def test_without_descriptors_nothing_is_done_unlocked(used: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: str, *_: Any, **__: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files", path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", failing)
        with pytest.raises(OSError, match="Too many"), exchange.alone(str(used.root), "held"):
            pass
    with exchange.alone(str(used.root / "none"), "held"):
        pass


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_folder_that_nobody_may_write_has_its_mode_again(
    used: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """It is let in for a moment, as only then it can be moved. What came was not known again by that, and stayed."""
    closed = used.root / SITE / "closed"
    back(used)
    if which == "new":
        closed.mkdir(mode=0o555)
    used.wait(70)
    first = history.listed(str(used.bucket), NAME)[0][0]
    if which == "new":
        folders.remove(str(closed))
    else:
        closed.mkdir(mode=0o555)
    used.wait(70)
    before = tree.signatures(used.folder._layout, str(used.root))
    let_in(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    real = os.rename

    def killed(source: str, target: str, **more: Any) -> None:
        real(source, target, **more)
        if target in (str(closed), str(used.root / SITE / exchange.MARK / "0")) and os.stat(target).st_mode & 0o200:
            os.kill(os.getpid(), signal.SIGKILL)

    def begin() -> None:
        os.rename = killed  # type: ignore[assignment]
        history.go_back(str(used.local), str(used.bucket), first, print)

    assert as_nobody(begin) == -signal.SIGKILL
    assert (used.local / exchange.WORK).exists()
    used.wait(5)
    assert tree.signatures(used.folder._layout, str(used.root)) == before
    assert not (used.local / exchange.WORK).exists(), "what had been unpacked, of which nobody has any use"
