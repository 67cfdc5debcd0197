"""What FORK_OF starts: the parent's capture, installed once; what came of it is told."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.config import environ
from melda.envs import as_user, restore_fork
from melda.envs.errors import UsageError
from melda.plugins import state

DONE = {"captured": True, "installed": 3, "there": 1, "problems": []}
BAD = [{"name": f"p{n}", "version": "1"} for n in range(7)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "FORK", str(tmp_path / "state"))
    (tmp_path / ".melda-jupyter" / "fork").mkdir(parents=True)
    return tmp_path / ".melda-jupyter" / "fork"


def run(here: Path) -> str:
    place: Any = environ.ImageLayout(None, str(here.parents[1]), "")  # type: ignore[arg-type]
    restore_fork.run(place, "users/eve")
    return state.read(state.FORK) or ""


def answer(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any] | UsageError) -> list[str]:
    asked: list[str] = []
    left = list(answers)

    def install(_: object, path: str) -> dict[str, Any]:
        asked.append(path)
        output = left.pop(0)
        if isinstance(output, UsageError):
            raise output
        return output

    monkeypatch.setattr(restore_fork, "install", install)
    return asked


def test_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "environment.json").write_text("{}")
    asked = answer(monkeypatch, DONE)
    assert run(here) == run(here) == "4 packages of users/eve are installed"
    assert asked == [str(here / "environment.json")]


def test_what_cannot_be_had_is_told_and_not_tried_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "environment.json").write_text("{}")
    answer(monkeypatch, {**DONE, "problems": BAD})
    output = "4 packages of users/eve are installed; 7 cannot be had: p0 1, p1 1, p2 1, p3 1, p4 1 and 2 more"
    assert run(here) == run(here) == output


def test_nothing_was_captured(here: Path) -> None:
    assert run(here) == "users/eve has no capture: nothing is installed"
    (here / "environment.json").write_text("{}")
    assert run(here) == "users/eve has no capture: nothing is installed", "what comes later is no fork any more"


def test_a_bucket_that_does_not_answer_is_no_parent_without_a_capture(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "environment.json").write_text("{}")
    answer(monkeypatch, DONE)

    def failing(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def found(path: str, **how: Any) -> os.stat_result:
            if path == str(here / "environment.json"):
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return look(path, **how)

        return found

    with monkeypatch.context() as now:
        for name in ("lstat", "stat"):
            now.setattr(os, name, failing(getattr(os, name)))
        with pytest.raises(OSError, match="Input/output error"):
            run(here)
    assert run(here) == "4 packages of users/eve are installed"


def test_refused_as_a_whole_it_is_tried_at_the_next_start(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "environment.json").write_text("{}")
    answer(monkeypatch, UsageError("another Python"), DONE)
    assert run(here) == "failed: another Python"
    assert run(here) == "4 packages of users/eve are installed"


def test_a_folder_that_cannot_be_read_is_tried_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "done.json").mkdir()
    monkeypatch.setattr(environ, "load", dict)
    monkeypatch.setattr(environ, "image_layout", lambda _: environ.ImageLayout(None, str(here.parents[1]), ""))  # type: ignore[arg-type]
    monkeypatch.setattr(as_user, "go_on", lambda _: None)
    monkeypatch.setattr("sys.argv", ["restore-fork", "users/eve"])
    assert restore_fork.main() == 1
    assert state.read(state.FORK) == f"failed: {here}/done.json: it is no file"


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps({"captured": True})])
def test_somebody_wrote_something_else(here: Path, text: str) -> None:
    (here / "done.json").write_text(text)
    assert run(here).startswith(f"failed: {here}/done.json is not what was written there")
