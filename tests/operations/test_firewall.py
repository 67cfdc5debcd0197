"""tasks/firewall.py: iptables; nothing is set while an image is built."""

from __future__ import annotations

from pyinfra.facts.deb import DebPackages

from tasks import debian_packages, firewall

from .conftest import Run, arguments

NEEDS = set(debian_packages.PACKAGES["firewall"])


def test_fresh(run: Run) -> None:
    commands = run(firewall.firewall)
    assert arguments(*commands["Install iptables"]) == ["iptables"]
    assert not any("iptables-restore" in command for each in commands.values() for command in each)


def test_already_there(run: Run) -> None:
    assert run(firewall.firewall, {DebPackages: NEEDS}) == {}
