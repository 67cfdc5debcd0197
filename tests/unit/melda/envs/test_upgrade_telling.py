"""What is told of packages that are carried over: whatever they say, no password and no control character."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.envs.upgrade import notices
from melda.plugins import state


def test_a_line_shows_no_password_to_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(state, "UPGRADE", str(tmp_path / "upgrade"))
    notices.line("1 packages do not load: x; \x1b[2J https://ada:S3cr3t@host.example/x?token=S3cr3t")
    shown = (state.read(state.UPGRADE) or "", capsys.readouterr().err)
    for text in shown:
        assert "https://...@host.example/x?..." in text and "S3cr3t" not in text and "\x1b" not in text
