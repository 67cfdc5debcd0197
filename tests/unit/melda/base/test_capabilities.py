"""What the kernel says of this container's rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base import capabilities
from melda.base.errors import ConfigError


@pytest.mark.parametrize(
    ("effective", "may"), [("0000000000000000", False), ("0000000000001000", True), ("00000000a80425fb", False)]
)
def test_a_capability(tmp_path: Path, effective: str, may: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tx\nCapPrm:\tffff\nCapEff:\t{effective}\nCapBnd:\tffff\n")
    assert capabilities.has(capabilities.NET_ADMIN, str(tmp_path / "status")) is may


@pytest.mark.parametrize(("value", "ignored"), [("0", False), ("1", True)])
def test_whether_setuid_bits_are_ignored(tmp_path: Path, value: str, ignored: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tx\nNoNewPrivs:\t{value}\nSeccomp:\t1\n")
    assert capabilities.no_new_privileges(str(tmp_path / "status")) is ignored


@pytest.mark.parametrize(
    ("effective", "user", "said"),
    [
        ("00000000000000eb", 0, ""),  # those that are needed, and no others
        ("00000000a80425fb", 0, ""),  # Docker's own
        ("00000000a80425fa", 0, "are dropped: CHOWN"),
        ("00000000a804251b", 0, "are dropped: KILL, SETGID, SETUID"),
        ("0000000000000000", 0, "are dropped: CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID"),
        ("00000000a80425fb", 1001, "it must start as root, not as user 1001"),
    ],
)
def test_what_a_start_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effective: str, user: int, said: str
) -> None:
    """With --cap-drop it was "Exception occurred in preexec_fn", or a file that could not be written."""
    (tmp_path / "status").write_text(f"CapEff:\t{effective}\n")
    monkeypatch.setattr(capabilities.os, "geteuid", lambda: user)
    found = ""
    try:
        capabilities.require_root(str(tmp_path / "status"))
    except ConfigError as error:
        found = str(error)
    assert said in found and bool(said) == bool(found)
