"""iptables, with which start-jupyter puts the firewall in place when a container starts."""

from __future__ import annotations

from tasks.debian_packages import PACKAGES
from tasks.operations import apt
from tasks.settings import deploy


@deploy("Firewall")
def firewall() -> None:
    apt.packages(name="Install iptables", packages=PACKAGES["firewall"])
