"""What the kernel says of this container's rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base import capabilities


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
