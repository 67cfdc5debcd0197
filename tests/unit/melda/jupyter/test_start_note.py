"""Whether the last start of Jupyter came to its end, by what only root can write."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.jupyter import start_note
from melda.jupyter.start_note import Starting

FAILED = start_note.UNFINISHED.encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "starting"


def again(path: Path) -> bytes:
    """What the next start says to Jupyter."""
    return Starting(str(path)).go_on()


def test_one_that_answered_did(path: Path) -> None:
    one = Starting(str(path))
    assert one.go_on() == b"\n" and path.exists() and not one.answered
    one.finish()
    one.stop(runs=True)
    assert one.answered and again(path) == b"\n"


def test_one_of_which_nobody_knows_how_it_ended_did_not(path: Path) -> None:
    Starting(str(path)).go_on()
    assert again(path) == FAILED
    last = Starting(str(path))
    assert last.go_on() == FAILED
    last.finish()
    assert again(path) == b"\n", "the user's configuration has another chance"


@pytest.mark.parametrize(
    ("seconds", "runs", "said"), [(0, True, b"\n"), (9, True, b"\n"), (11, True, FAILED), (0, False, FAILED)]
)
def test_one_that_was_stopped(
    path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, runs: bool, said: bytes
) -> None:
    one = Starting(str(path))
    monkeypatch.setattr(start_note.time, "monotonic", lambda: 100.0)
    one.go_on()
    monkeypatch.setattr(start_note.time, "monotonic", lambda: 100.0 + seconds)
    one.stop(runs)
    assert again(path) == said


def test_a_stop_before_jupyter_goes_on_says_nothing_of_it(path: Path) -> None:
    Starting(str(path)).go_on()
    Starting(str(path)).stop(runs=True)
    assert again(path) == FAILED


def test_a_disk_without_room_keeps_no_start(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.parent.write_text("no folder")
    one = Starting(str(path))
    assert one.go_on() == b"\n"
    one.finish()
    output = capsys.readouterr().err
    assert output.startswith("start-jupyter: jupyter: the next start will not know") and output.count("\n") == 2
