"""inventory.py: whom MELDA_HOSTS names."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import InventoryError

INVENTORY = str(Path(__file__).resolve().parents[2] / "inventory.py")


def hosts(named: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("MELDA_HOSTS", named)
    found: list[Any] = runpy.run_path(INVENTORY)["hosts"]
    return found


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("", ["@docker/melda-jupyter"]),
        ("melda-vm", [("melda-vm", {})]),
        ("root@198.51.100.7", [("198.51.100.7", {"ssh_user": "root"})]),
        ("admin@n:2222, x", [("n", {"ssh_user": "admin", "ssh_port": 2222, "_sudo": True}), ("x", {})]),
        ("[2001:db8::7]:22", [("2001:db8::7", {"ssh_port": 22})]),
    ],
)
def test_hosts(named: str, found: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert hosts(named, monkeypatch) == found


@pytest.mark.parametrize("named", ["host:abc", "host:", "@host", "a b", "root@", "2001:db8::7", "-oProxyCommand=x"])
def test_what_is_no_host_is_refused_in_one_line(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InventoryError) as refused:
        hosts(named, monkeypatch)
    assert str(refused.value) == f"MELDA_HOSTS={named!r} is not right: it must be [USER@]HOST[:PORT]"
