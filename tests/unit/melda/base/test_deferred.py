"""Whose turn it is to load its code."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from melda.base import deferred


def test_until_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    monkeypatch.setattr(deferred.time, "sleep", lambda _: path.touch())
    deferred.wait(str(path), 60.0)
    assert path.exists()
    monkeypatch.setattr(deferred.time, "sleep", lambda _: pytest.fail("it is there"))
    deferred.wait(str(path), 60.0)


def test_not_for_ever(tmp_path: Path) -> None:
    waiting = threading.Thread(target=deferred.wait, args=(str(tmp_path / "never"), 0.05), daemon=True)
    waiting.start()
    waiting.join(20.0)
    assert not waiting.is_alive()
