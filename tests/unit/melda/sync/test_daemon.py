"""The sync daemon: who is installing, what it tells, and how it ends."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from melda.base.errors import EXIT_UNSAVED
from melda.plugins import state
from melda.sync import daemon
from melda.sync.apt_packages import Packages
from melda.sync.capture import Capture
from melda.sync.daemon import SyncDaemon
from melda.sync.on_disk import installers


@pytest.mark.parametrize(
    "line",
    [
        "pip install x",
        "/usr/bin/python3 /home/melda/project/Python-3.11.2/bin/pip3.11 install -q x",
        "python -m pip uninstall -y x",
        "/x/bin/python /opt/jupyter/lib/python3.11/site-packages/pip install x",
        "uv pip install x",
        "uv sync",
    ],
)
def test_an_installer(line: str) -> None:
    assert installers.is_one(line.split())


@pytest.mark.parametrize(
    "line", ["pip list", "python train.py", "bash", "", "uvicorn install", "cat pip/install", "python -c pass", "pip"]
)
def test_no_installer(line: str) -> None:
    assert not installers.is_one(line.split())


def test_running(tmp_path: Path) -> None:
    for number, line in ((1, "start-jupyter"), (20, "pip\0install\0x"), (21, "")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_text(line)
    (tmp_path / "22").mkdir()
    (tmp_path / "self").mkdir()
    assert installers.running(str(tmp_path)) == "pip install x"
    (tmp_path / "20" / "cmdline").unlink()
    assert installers.running(str(tmp_path)) == ""


@pytest.mark.parametrize(
    "words",
    [
        ("pip", "install", "--index-url", "https://ada:S3cr3t@host.example/simple", "x"),
        ("pip", "install", "--index-url=https://ada:S3c/S3cr3t@host.example/simple"),
        ("uv", "pip", "install", "git+https://S3cr3t@host.example/x", "https://host.example/x.whl?token=S3cr3t"),
        ("pip", "install", "y" * 4060, "https://ada:S3cr3t" + "x" * 100 + "@host.example/x"),
        ("pip", "install", "é" * 2030, "https://ada:S3cr3t" + "x" * 100 + "@host.example/x"),
    ],
)
def test_an_installers_address_is_shown_without_its_password(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is in the log at a stop, and what ``GET /activity`` answers."""
    (tmp_path / "20").mkdir()
    (tmp_path / "20" / "cmdline").write_text("\0".join(words))
    shown = installers.running(str(tmp_path))
    assert shown.startswith(" ".join(words[:2])) and "S3cr" not in shown


def test_the_line(kept: SyncDaemon) -> None:
    assert kept.line() == "saved"
    one, two = kept._folders
    two.saved_at = 3600.0
    assert kept.line() == "saved at 01:00:00 UTC"
    one.dirty = True
    assert kept.line() == "saving"
    one.problem = "not saved: No space left on device"
    assert kept.line() == "failed: Python-3.11.2: not saved: No space left on device"


def test_the_line_without_a_bucket() -> None:
    assert (
        SyncDaemon([], Packages("/none", print, "/none"), Capture("/none", print, "/bin/false")).line() == state.LOCAL
    )


def test_a_turn_writes_it(kept: SyncDaemon, tmp_path: Path) -> None:
    for folder in kept._folders:
        folder.restore()
    kept.poll_once()
    assert state.read() == "saved"
    (tmp_path / "apt.json").mkdir()


def test_there_is_nothing_to_be_read_before_there_is_a_keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "STATE", str(tmp_path / "none"))
    assert state.read() is None
    monkeypatch.setattr(state, "STATE", str(tmp_path / "none" / "below"))
    state.write("saved")


def test_brings_back_and_mends_while_nobody_can_be_installing(begun: SyncDaemon) -> None:
    begun.restore()
    assert begun.seen[0] == ("place", ("place",), True)  # type: ignore[attr-defined]
    assert "are here" in begun.seen[1] and state.read() == "restoring"  # type: ignore[attr-defined]
    begun.restore()
    assert len(begun.seen) == 2, "nothing is left to be done"  # type: ignore[attr-defined]


def test_a_bucket_that_does_not_answer_is_said_once(begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    one = begun._folders[0]
    monkeypatch.setattr(one, "restore", fail)
    begun.restore()
    begun.restore()
    assert begun.seen == ["Python-3.11.2: not restored: Input/output error"]  # type: ignore[attr-defined]
    assert begun.line() == "failed: Python-3.11.2: not restored: Input/output error"
    monkeypatch.undo()


@pytest.mark.parametrize("error", [ValueError("x\ny"), MemoryError(), RecursionError("deep"), RuntimeError("thread")])
def test_whatever_a_folder_raises_is_its_own_problem(
    begun: SyncDaemon, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    one, two = begun._folders
    for name in ("restore", "poll", "flush"):
        monkeypatch.setattr(one, name, fail)
    begun.restore()
    assert begun.line().startswith("failed: Python-3.11.2: not restored: ") and "\n" not in begun.line()
    assert two.restored
    one.restored = True
    (tmp_path / "local" / "R-4.2.2" / "zoo" / "Meta").mkdir(parents=True)
    (tmp_path / "local" / "R-4.2.2" / "zoo" / "Meta" / "package.rds").touch()
    begun.poll_once()
    assert "not saved" in begun.line()
    begun._stopping.set()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    begun.run()
    assert list((tmp_path / "bucket" / "R-4.2.2").glob("*.json")), "the other one is saved"


def test_what_does_not_come_on_is_not_waited_for_and_taken_when_it_comes(
    begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    one = begun._folders[0]

    def hang() -> None:
        assert goes_on.wait(60)
        one.restored = True

    monkeypatch.setattr(one, "restore", hang)
    monkeypatch.setattr(daemon, "STALLED", 0.1)
    begun.restore()
    assert "Python-3.11.2: not restored: nothing came for 0 s" in begun.line()
    begun.restore()
    assert begun.seen.count("Python-3.11.2: not restored: nothing came for 0 s") == 1  # type: ignore[attr-defined]
    goes_on.set()
    begun._threads[one.name].join()
    begun.restore()
    assert "are here" in begun.seen[-1] and begun.line() == "saved"  # type: ignore[attr-defined]


def test_what_takes_too_long_is_not_waited_for(begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, one = threading.Event(), begun._folders[0]

    def slow() -> None:
        while not goes_on.wait(0.01):
            one.moved()

    monkeypatch.setattr(one, "restore", slow)
    monkeypatch.setattr(daemon, "LONGEST_WAIT", 0.1)
    begun.restore()
    assert "it takes longer than 0 s" in begun.line()
    goes_on.set()
    begun._threads[one.name].join()


def test_no_thread_can_be_started(begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        begun.restore()
    assert "not restored: can't start new thread" in begun.line()
    begun.restore()
    assert "are here" in begun.seen[-1]  # type: ignore[attr-defined]


def test_what_is_left_out_is_told(kept: SyncDaemon) -> None:
    one = kept._folders[0]
    one.left_out = {f"lib/{name}": "why" for name in ("a\x1b", "b", "c", "d", "e")}
    assert kept.line() == "saved; left out of Python-3.11.2: a? (why), b (why), c (why) and 2 more"


def test_a_fifo_in_the_place_of_the_line_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "STATE", str(tmp_path / "state"))
    os.mkfifo(tmp_path / "state")
    assert state.read() is None
    state.write("saved")
    assert state.read() == "saved"


def test_a_list_that_cannot_be_saved_is_said_once(begun: SyncDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(begun._packages, "poll", fail)
    begun.poll_once()
    begun.poll_once()
    assert begun.seen == ["the list of apt's packages is not saved: No space left on device"]  # type: ignore[attr-defined]
    assert begun.line() == "failed: the list of apt's packages is not saved"


def test_it_saves_until_it_is_told_to_end(begun: SyncDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            library = tmp_path / "local" / "R-4.2.2" / "zoo" / "Meta"
            library.mkdir(parents=True)
            (library / "package.rds").write_text("x")
            begun.stop()

    monkeypatch.setattr(begun, "poll_once", turn)
    monkeypatch.setattr(signal, "signal", lambda number, _: begun.seen.append(number))  # type: ignore[attr-defined]
    begun.run()
    assert begun.seen[0] == signal.SIGTERM and turns == 2  # type: ignore[attr-defined]
    assert not Path(state.RESTORING).exists(), "kernels start"
    assert list((tmp_path / "bucket" / "R-4.2.2").glob("*.json")), "the last change is saved"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SyncDaemon] = []
    monkeypatch.setattr(SyncDaemon, "run", lambda self: not made.append(self))
    (tmp_path / "old" / "R-4.2.2").mkdir(parents=True)
    (tmp_path / "old" / "R-4.2.2" / "zoo").touch()
    places = ["--local", str(tmp_path), "--project", "/p", "--old", str(tmp_path / "old")]
    monkeypatch.setattr("sys.argv", ["plugin-sync", *places, "Python-3.11.2", "R-4.2.2"])
    assert daemon.main() == 0
    monkeypatch.setattr("sys.argv", ["plugin-sync", *places, "R-4.2.2", state.LAST])
    monkeypatch.setattr(SyncDaemon, "last", lambda self: False)
    assert daemon.main() == EXIT_UNSAVED
    (tmp_path / state.PROJECT_STATE).mkdir()
    left = [tmp_path / below / "apt.json.0123456789abcdef" for below in (state.PROJECT_STATE, "old")]
    for path in left:
        path.touch()
        os.utime(path, (1, 1))
    places = ["--local", str(tmp_path / "old"), "--project", str(tmp_path), "--old", "/y"]
    monkeypatch.setattr("sys.argv", ["plugin-sync", *places])
    assert daemon.main() == 0 and not any(path.exists() for path in left)
    one, two = made[0]._folders
    assert (one.name, one._old, two.name, two._old) == (
        "Python-3.11.2",
        "",
        "R-4.2.2",
        str(tmp_path / "old" / "R-4.2.2"),
    )
