"""s3fs, with which start-jupyter mounts the project from S3."""

from __future__ import annotations

from tasks.debian_packages import PACKAGES
from tasks.operations import apt
from tasks.settings import deploy


@deploy("Mount")
def mount() -> None:
    apt.packages(name="Install s3fs", packages=PACKAGES["mount"])
