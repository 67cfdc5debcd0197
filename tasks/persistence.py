"""What keeps the user's packages in the project's bucket; start-jupyter starts it."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import apt, debian, files

PROFILE = "/etc/profile.d/melda-persistence.sh"


@deploy("Persistence")
def persistence() -> None:
    apt.installed(name="Install what packs archives", packages=debian.PACKAGES["persistence"])
    profile = files.source("persistence/profile.sh").replace(b"@USER@", host.data.username.encode())
    files.installed(
        name="Let terminals show whether the user's packages are kept",
        entries=[files.Entry(PROFILE, profile)],
    )
