"""What counts as activity, since when there is none, and who ends the container then."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from melda.base import users
from melda.base.errors import ConfigError
from melda.boot import activity, idle
from melda.boot.activity import Activity
from melda.config import environ

ROOT = Path(__file__).resolve().parents[4]
QUIET = {"kernels": 1, "busy": 0, "last_activity": 0.0, "pid": 8}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A container in which nothing is done; a test changes it."""
    world: dict[str, Any] = {
        "jupyter": QUIET, "installing": "", "state": "saved at 10:00:00 UTC", "ssh": 0, "terminals": [], "used": 0.0, "cpu": 0.0,
    }  # fmt: skip
    monkeypatch.setattr(activity, "of_jupyter", lambda: world["jupyter"])
    monkeypatch.setattr(activity.installers, "running", lambda: world["installing"])
    monkeypatch.setattr(activity.health, "read_state", lambda path: world["state"])
    monkeypatch.setattr(activity.procfs, "table", list)
    monkeypatch.setattr(activity.procfs, "terminals", lambda _: world["terminals"])
    monkeypatch.setattr(activity.procfs, "last_used", lambda _: world["used"])
    monkeypatch.setattr(activity.procfs, "connections", lambda: world["ssh"])
    monkeypatch.setattr(activity.procfs.Meter, "read", lambda *_: world["cpu"])
    return world


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("jupyter", {**QUIET, "busy": 1}, "a kernel is busy"),
        ("jupyter", None, "Jupyter does not say what its kernels do"),
        ("cpu", 0.5, "a process computes"),
        ("installing", "pip install x", "something is being installed"),
        ("state", "saving", "packages are not saved"),
        ("state", "restoring", "packages are not saved"),
        ("state", "failed: R-4.2.2: no space", "packages are not saved"),
        ("ssh", 1, "somebody is connected by ssh"),
    ],
)
def test_what_counts(world: dict[str, Any], name: str, value: object, why: str) -> None:
    seen = Activity(1, {}, 1000.0)
    assert seen.look(1060.0)["idle_seconds"] == 60.0 and seen.found["active"] == []
    before, world[name] = world[name], value
    assert seen.look(1100.0)["idle_seconds"] == 0.0 and seen.found["active"] == [why]
    world[name] = before
    assert seen.look(1130.0)["idle_seconds"] == 30.0


def test_who_serves_strangers_does_not_compute(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty requests a second for the page of the login kept a container from ever being idle."""
    without: list[set[int]] = []
    monkeypatch.setattr(activity.procfs.Meter, "read", lambda _, __, ___, servers: without.append(set(servers)) or 0.0)
    Activity(1, {}, 0.0).look(9.0)
    assert without == [{os.getpid(), 8}]


def test_the_page_shows_every_field(world: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "idle.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    rows = page.partition("| field | holds |")[2].partition("\n\n")[0]
    assert list(shown) == list(Activity(1, {}, 0.0).look(9.0))
    assert set(re.findall("`([a-z_]+)`", rows)) >= {*shown}


def test_an_installation_is_counted_once(world: dict[str, Any]) -> None:
    seen = Activity(1, {}, 0.0)
    counts = []
    for world["installing"] in ("", "pip install x", "pip install x", "", "pip install y", ""):
        counts.append(seen.look(9.0)["installs"])
    assert counts == [0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("state", ["saved", "saved; left out of R-4.2.2: x", "kept in the project's folder", ""])
def test_what_is_saved_is_quiet(world: dict[str, Any], state: str) -> None:
    world["state"] = state
    assert Activity(1, {}, 0.0).look(9.0)["active"] == []


def test_what_is_typed_and_what_jupyter_was_asked_counts_from_its_moment(world: dict[str, Any]) -> None:
    seen = Activity(1, {}, 1000.0)
    world["terminals"], world["used"] = ["/dev/pts/0"], 1090.0
    assert seen.look(1100.0)["idle_seconds"] == 10.0, "an open terminal is none by itself"
    world["jupyter"] = {**QUIET, "last_activity": 1098.0}
    assert seen.look(1100.0)["idle_seconds"] == 2.0
    world["used"] = 9e9
    assert seen.look(1200.0)["idle_seconds"] == 0.0
    world["used"] = 0.0
    assert seen.look(1300.0)["idle_seconds"] == 100.0, "a time from the future is now, once"


def test_a_fork_that_is_being_installed(world: dict[str, Any]) -> None:
    world["state"] = "installing: 3 of 9"
    assert "something is being installed" in Activity(1, {"FORK_OF": "x"}, 0.0).look(1.0)["active"]


def test_what_the_user_runs_is_one_line_and_short(world: dict[str, Any]) -> None:
    world["installing"] = "pip\ninstall " + "x" * 999
    found = Activity(1, {}, 0.0).look(1.0)["installing"]
    assert found.isprintable() and len(found) <= activity.LONGEST + 1


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            (200, b'{"kernels": 2, "busy": 1, "last_activity": 5.5, "pid": 8, "more": 1}'),
            {"kernels": 2, "busy": 1, "last_activity": 5.5, "pid": 8},
        ),
        ((404, b'{"kernels": 2, "busy": 1, "last_activity": 5.5, "pid": 8}'), None),
        ((200, b"[]"), None),
        ((200, b'{"kernels": null}'), None),
        ((200, b"\xff"), None),
        (OSError("no answer"), None),
    ],
)
def test_jupyter_may_answer_anything(monkeypatch: pytest.MonkeyPatch, answer: Any, found: object) -> None:
    def get(*_: object) -> Any:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(activity.probe, "get", get)
    assert activity.of_jupyter() == found


class Child:
    """Answers what it is told to, at the second look."""

    def __init__(self, answer: str) -> None:
        self._answers = iter([None, answer])

    def answer(self) -> str | None:
        return next(self._answers)

    def close(self) -> None:
        pass


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[float | None, list[str]]]:
    def watch(answer: str) -> tuple[float | None, list[str]]:
        done: list[str] = []
        monkeypatch.setattr(users, "Child", lambda *_: Child(answer))
        one = idle.IdleWatch(users.ROOT, 60, lambda: done.append("ended"))
        assert (one.poll_once(), one.poll_once()) == (idle.LOOK, idle.LOOK)
        return one.poll_once(), done

    return watch


@pytest.mark.parametrize("answer", ["idle 59", "HTTP 503", "timed out", "", "idle 1e9", "idle 60\nx"])
def test_what_is_not_known_to_be_idle_goes_on(watched: Any, answer: str) -> None:
    assert watched(answer) == (15.0, [])


def test_idle_long_enough_ends_it(watched: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert watched("idle 61") == (None, ["ended"])
    assert "nothing has been done for 61 s: the container ends, as IDLE_SECONDS=60 asks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [({"idle_seconds": 61.9}, "idle 61"), ({}, "HTTP 503"), ({"idle_seconds": None}, "HTTP 503"), ([], "HTTP 503")],
)
def test_the_question(monkeypatch: pytest.MonkeyPatch, body: Any, said: str) -> None:
    monkeypatch.setattr(idle.probe, "get", lambda *_: (503, json.dumps(body).encode()))
    with pytest.raises(OSError, match=f"^{said}$"):
        idle.ask()


@pytest.mark.parametrize(("value", "seconds"), [("", None), ("10", 10), ("3600", 3600)])
def test_seconds(value: str, seconds: int | None) -> None:
    assert environ.requested({"IDLE_SECONDS": value})["idle"] == seconds


@pytest.mark.parametrize("value", ["0", "9", "-1", "1h", "3600.5", "010", "99999999", " "])
def test_what_are_no_seconds(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid IDLE_SECONDS=.*: expected seconds, 10 to 9999999, such as 3600$"):
        environ.requested({"IDLE_SECONDS": value})["idle"]
