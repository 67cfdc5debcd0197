"""The firewall's programs and rules; start-jupyter puts them in place when a container starts."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import apt, debian, files


@deploy("Firewall")
def firewall() -> None:
    apt.installed(name="Install iptables", packages=debian.PACKAGES["firewall"])
    files.installed(name="Install the firewall's rules", entries=files.tree("firewall", host.data.src))
