"""Is the container well, and says so who is asked?"""

from __future__ import annotations

from pathlib import Path

import pytest
from melda_runtime import health, jupyter, storage


def test_a_local_folder_is_well(tmp_path: Path) -> None:
    assert health.of_mount(str(tmp_path), asked_for=False) == "ok"
    assert health.of_mount(str(tmp_path / "none"), asked_for=False) == "cannot be read"


def test_a_bucket_must_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.of_mount(str(tmp_path), asked_for=True) == "not mounted"
    monkeypatch.setattr(storage, "is_mounted", lambda _: True)
    assert health.of_mount(str(tmp_path), asked_for=True) == "ok"


def test_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "answers", lambda _: False)
    monkeypatch.setattr(health, "of_dbus", lambda: "ok")
    found = health.report({"JUPYTER_WORKDIR": str(tmp_path)})
    assert found == {"jupyter": "does not answer", "mount": "ok", "dbus": "ok"}
    assert not health.is_well(found)
    assert health.is_well({**found, "jupyter": "ok", "dbus": "not installed"})
