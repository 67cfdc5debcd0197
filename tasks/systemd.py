"""A host's services: systemd units in place of the container's start-jupyter. Where systemd does not run: nothing."""

from __future__ import annotations

from typing import List

from pyinfra import host

from tasks.facts.files import PathStats
from tasks.facts.systemd import UnitStates
from tasks.lib import managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import systemd as operations
from tasks.settings import deploy

FOLDER = "/etc/systemd/system"
SETTINGS = "/etc/melda-jupyter/settings.env"
TARGET = "melda.target"
SERVICES = ("firewall", "mount", "plugins", "versions", "jupyter")
UNITS = (TARGET, *(f"melda-{name}.service" for name in SERVICES))
# What shows that all is well: the mount and the packages are what Jupyter is bound to.
STARTED = (TARGET, "melda-versions.service", "melda-jupyter.service")


def entries(src: str) -> List[ManagedFile]:
    """List the units, and the folder of the settings."""
    found = [ManagedFile(SETTINGS.rsplit("/", 1)[0], mode="755", linked=True)]
    for name in UNITS:
        text = source("systemd/" + name).decode().replace("@SRC@", src).replace("@SETTINGS@", SETTINGS)
        found.append(ManagedFile(f"{FOLDER}/{name}", text.encode()))
    return found


@deploy("systemd")
def systemd() -> None:
    prefetch(UnitStates, units=UNITS)
    files = entries(host.data.src)
    managed_list.keep(files)  # also where systemd does not run now; the settings are people's
    prefetch(PathStats, paths=[*(entry.path for entry in files), SETTINGS])
    operations.units(
        name="Install the systemd units of a host",
        units=UNITS,
        entries=files,
        settings=ManagedFile(SETTINGS, source("systemd/settings.env"), mode="600"),
    )
    operations.running(name="Enable and start the units", units=UNITS, started=STARTED)
