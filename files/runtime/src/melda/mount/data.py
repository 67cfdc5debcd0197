"""What DATA_BUCKET names, read-only at one path beside the project: an s3fs of its own, which may die and come again."""

from __future__ import annotations

import os

from melda.base import users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.base.paths import DATA
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import options, output, probing, role, s3, s3fs

NAME = "s3fs of the data"
# What a killed s3fs leaves is in the way of the next one. DATA is below / and root's: nobody else may rename it.
AGAIN = 'umount --lazy "$1" 2>/dev/null; shift; exec "$@"'


def given(bucket: Bucket, installed: options.Version) -> str:
    """Return the options of s3fs, as for the project's; see docs/mount.md."""
    # A folder that another tool made has no mode: umask gives one to all.
    return ",".join(
        ["ro", "umask=0222", "allow_other", *options.sparing(installed), *options.service(bucket), output.LEVEL]
    )


def _s3fs(bucket: Bucket, settings: Settings) -> Service:
    source = f"{bucket.name}:/{bucket.folder}"
    argv = (*output.LINE_BY_LINE, s3fs.S3FS, source, DATA, "-f", "-o", given(bucket, options.version()))
    # By the environment, and not by a file that is gone when it is started again.
    environment = s3fs.environment(bucket, settings, keys=True)
    return Service(NAME, ("/bin/sh", "-c", AGAIN, "sh", DATA, *argv), users.ROOT, environment)


def prepare(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> str:
    """Mount it, and see that it is there.

    Args:
        bucket: or the folder of it that is asked for.
        settings: of the container.
        supervisor: looks after s3fs.

    Returns:
        What is there, for the log.

    Raises:
        ConfigError: it cannot be had; one line says why.
    """
    asked = f"{bucket.variable}={bucket.name!r}"
    if not probing.can_mount():
        raise ConfigError(f"{asked} cannot be mounted: this container may not mount; {probing.REQUIRED_FLAGS}")
    if not bucket.credentials.key:
        bucket = role.with_role(bucket, settings)
    bucket = s3.found(bucket)
    os.makedirs(DATA, mode=0o755, exist_ok=True)
    if os.listdir(DATA):
        raise ConfigError(f"{asked} cannot be mounted: {DATA} is not empty in this image")
    supervisor.start(_s3fs(bucket, settings))
    if not supervisor.wait_until(lambda: s3fs.is_mounted(DATA), s3fs.MOUNT_SECONDS):
        raise TemporaryFailure(f"{asked} was not mounted in {s3fs.MOUNT_SECONDS:g} s; s3fs's output is above")
    return f"{bucket.url} is mounted read-only at {DATA}"
