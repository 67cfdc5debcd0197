"""iptables, with which start-jupyter puts the firewall in place when a container starts."""

from __future__ import annotations

from pyinfra.api import deploy

from tasks.lib import apt, debian


@deploy("Firewall")
def firewall() -> None:
    apt.installed(name="Install iptables", packages=debian.PACKAGES["firewall"])
