"""Is the container well, and says so who is asked?"""

from __future__ import annotations

from pathlib import Path

import pytest
from melda_persistence import state
from melda_runtime import health, jupyter, storage, watch


def test_a_local_folder_is_well(tmp_path: Path) -> None:
    assert health.of_mount(str(tmp_path), asked_for=False) == "ok"
    assert health.of_mount(str(tmp_path / "none"), asked_for=False) == "cannot be read"


def test_a_bucket_must_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.of_mount(str(tmp_path), asked_for=True) == "not mounted"
    monkeypatch.setattr(storage, "is_mounted", lambda _: True)
    monkeypatch.setattr(watch, "read", lambda: "ok")
    assert health.of_mount(str(tmp_path), asked_for=True) == "ok"


def test_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: False)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path)})
    assert found == {"jupyter": "does not answer", "mount": "ok", "dbus": "ok", "plugins": "not kept"}
    assert not health.is_well(found)
    assert health.is_well({**found, "jupyter": "ok", "dbus": "not installed"})


def test_a_fork_is_told_and_no_reason_to_be_ill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda *_: True)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    monkeypatch.setattr(state, "FORK", str(tmp_path / "fork"))
    variables = {"JUPYTER_WORKDIR": str(tmp_path), "FORK_OF": "users/eve"}
    assert health.report(variables)["fork"] == "waiting"
    state.write("failed: no Python", state.FORK)
    found = health.report(variables)
    assert found["fork"] == "failed: no Python" and health.is_well(found)


def test_the_check_tries_for_a_while_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [(False, "ill"), (False, "ill"), (True, "well")]
    monkeypatch.setattr(health, "asked", lambda: answers.pop(0))
    monkeypatch.setattr(health, "AGAIN", 0)
    assert (health.main(), capsys.readouterr().out, answers) == (0, "well\n", [])
    monkeypatch.setattr(health, "asked", lambda: (False, "ill"))
    monkeypatch.setattr(health, "PATIENCE", 0)
    assert (health.main(), capsys.readouterr().out) == (1, "ill\n")


def test_nobody_there_is_ill() -> None:
    well, said = health.asked(port=9)
    assert (well, said[:35]) == (False, "the version service does not answer")
