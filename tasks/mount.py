"""s3fs, with which start-jupyter mounts the project from S3."""

from __future__ import annotations

from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.settings import deploy

PROFILE = "/etc/profile.d/melda-mount.sh"


@deploy("Mount")
def mount() -> None:
    apt.packages(name="Install s3fs", packages=PACKAGES["mount"])
    managed_files.put(
        name="Let terminals say what is slow in a bucket",
        entries=[ManagedFile(PROFILE, source("mount/profile.sh").replace(b"@USER@", host.data.username.encode()))],
    )
