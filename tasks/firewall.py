"""iptables, with which start-jupyter puts the firewall in place when a container starts."""

from __future__ import annotations

from pyinfra.api import deploy

from tasks.debian_packages import PACKAGES
from tasks.operations import apt


@deploy("Firewall")
def firewall() -> None:
    apt.packages(name="Install iptables", packages=PACKAGES["firewall"])
