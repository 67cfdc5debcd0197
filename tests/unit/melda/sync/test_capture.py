"""What is installed is written down after each change, and nobody waits for it."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import pytest
from melda.sync.capture import Capture

from .folders import into


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Takes melda-env's place: notes how it was called."""
    path = tmp_path / "melda-env"
    path.write_text(f"#!/bin/sh\necho $* >>{tmp_path}/calls\n[ ! -e {tmp_path}/wait ] || read x <{tmp_path}/wait\n")
    path.chmod(0o755)
    return str(path)


def look_until_done(capture: Capture, state: object) -> None:
    deadline = time.monotonic() + 10
    capture.poll(state)
    while capture._running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        capture.poll(state)


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_once_for_each_change(tmp_path: Path, program: str) -> None:
    output: list[str] = []
    capture = Capture(f"{tmp_path}/kept/environment.json", into(output), program)
    for state in (1, 1, 2, 2):
        look_until_done(capture, state)
    capture.flush(2)
    assert calls(tmp_path) == 2 * [f"capture {tmp_path}/kept/environment.json"]
    assert capture.flush(3) == ""
    assert (len(calls(tmp_path)), output) == (3, [])


@pytest.mark.parametrize("seconds", [0.01, -1.0])
def test_nobody_waits(tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Also where no time is left to begin: all was said to be written."""
    os.mkfifo(tmp_path / "wait")
    capture = Capture(f"{tmp_path}/x", print, program)
    capture.poll(1)
    capture.poll(2)
    assert capture._running and capture._running.poll() is None
    process = capture._running
    monkeypatch.setattr("melda.sync.capture.LAST", seconds)
    assert capture.flush(2) == "what is installed is not written down"
    assert process.returncode == -9 and capture._running is None


def test_the_last_one_has_the_time_that_is_left_and_says_when_it_was_too_short(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output: list[str] = []
    os.mkfifo(tmp_path / "wait")
    monkeypatch.setattr("melda.sync.capture.LAST", 0.01)
    capture = Capture(f"{tmp_path}/x", into(output), program)
    going_on = threading.Timer(0.3, lambda: (tmp_path / "wait").write_text("\n"))
    going_on.start()
    assert capture.flush(1, time.monotonic() + 30) == "", "it takes longer than the least, and is waited for"
    going_on.join()
    assert capture.flush(2, time.monotonic() + 0.5) == "what is installed is not written down"
    (said,) = output
    assert re.fullmatch(
        r"what is installed is not written down: it takes longer than the 0\.[45] s that are left", said
    )


def test_one_of_before_the_last_change_is_not_waited_for(tmp_path: Path, program: str) -> None:
    os.mkfifo(tmp_path / "wait")
    capture = Capture(f"{tmp_path}/x", print, program)
    capture.poll(1)
    before = capture._running
    until = time.monotonic() + 10
    while not calls(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.01)
    os.unlink(tmp_path / "wait")
    assert capture.flush(2) == ""
    assert before and before.returncode == -9 and len(calls(tmp_path)) == 2


def test_what_fails_is_said_once(tmp_path: Path, program: str) -> None:
    output: list[str] = []
    Path(program).write_text("#!/bin/sh\necho no room >&2\nexit 2\n")
    capture = Capture(f"{tmp_path}/x", into(output), program)
    for _ in range(3):
        look_until_done(capture, 1)
    assert output == ["what is installed is not written down: no room"]
    assert capture.flush(1) == "what is installed is not written down", "nor at the end"
    capture = Capture(f"{tmp_path}/x", into(output), str(tmp_path / "none"))
    capture.poll(1)
    assert output[1:] == ["what is installed is not written down: No such file or directory"]
    assert capture.flush(1) == "what is installed is not written down"


def test_nothing_goes_through_a_link(tmp_path: Path, program: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ours").symlink_to("elsewhere")
    capture = Capture(str(tmp_path / "ours" / "captured"), print, program)
    capture.flush(1)
    assert not (tmp_path / "ours").is_symlink() and list((tmp_path / "elsewhere").iterdir()) == []
    assert len(list(tmp_path.glob("ours.set-aside-*"))) == 1
