"""What keeps the user's packages in the project's bucket; start-jupyter starts it."""

from __future__ import annotations

from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.settings import deploy

PROFILE = "/etc/profile.d/melda-persistence.sh"


@deploy("Sync")
def sync() -> None:
    apt.packages(name="Install what packs archives", packages=PACKAGES["sync"])
    managed_files.put(
        name="Let terminals show whether the user's packages are kept",
        entries=[ManagedFile(PROFILE, source("sync/profile.sh").replace(b"@USER@", host.data.username.encode()))],
    )
