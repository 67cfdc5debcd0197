"""IPV6: what listens listens on both, unless somebody says no or the firewall does not cover it."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.config import ipv6


@pytest.mark.parametrize(("value", "listens"), [("", True), ("auto", True), ("off", False)])
def test_it_is_on_unless_it_is_off(tmp_path: Path, value: str, listens: bool) -> None:
    note = tmp_path / "note"
    assert ipv6.listens({ipv6.VARIABLE: value}, str(note)) is listens
    note.touch()
    assert ipv6.listens({ipv6.VARIABLE: value}, str(note)) is False, "the firewall's rules are for IPv4 alone"


@pytest.mark.parametrize("value", ["on", "1", "OFF", "false"])
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=f"^invalid IPV6='{value}': expected one of auto, off$"):
        ipv6.mode({ipv6.VARIABLE: value})
