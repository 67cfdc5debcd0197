"""Fonts for the letters of more scripts, and matplotlib told of them; R asks fontconfig."""

from __future__ import annotations

from typing import Tuple

from pyinfra import host

from tasks.debian_packages import FONTS
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.settings import deploy


def wanted() -> Tuple[str, ...]:
    """Name the Debian packages; none where nothing curated draws with them, or a setting leaves them out."""
    return FONTS if host.data.fonts and host.data.packages != "none" else ()


@deploy("Fonts")
def fonts() -> None:
    if not wanted():
        return
    apt.packages(name="Install fonts for more scripts", packages=wanted())
    folder = f"{host.data.python_env}/etc/ipython"
    managed_files.put(
        name="Let matplotlib draw the letters of these fonts",
        entries=[
            ManagedFile(folder, mode="755"),
            ManagedFile(folder + "/ipython_config.py", source("fonts/ipython_config.py")),
        ],
    )
