"""What somebody else's program or file says, as the sync daemon shows it."""

from __future__ import annotations

from melda.sync import programs


def test_what_is_shown_has_no_password() -> None:
    said = b"\nE: Failed to fetch https://ada:S3cr3t@mirror.example/x.deb  404\n"
    assert programs.last_line(said) == "E: Failed to fetch https://...@mirror.example/x.deb  404"
    assert programs.shown("a\nb", 2) == "a…"
