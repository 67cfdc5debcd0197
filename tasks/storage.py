"""s3fs, with which start-jupyter mounts the project from S3."""

from __future__ import annotations

from pyinfra.api import deploy

from tasks.lib import apt, debian


@deploy("Storage")
def storage() -> None:
    apt.installed(name="Install s3fs", packages=debian.PACKAGES["storage"])
