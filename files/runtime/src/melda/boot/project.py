"""The project's folder, ready to be worked in; one that is empty gets a README.md, which says to newcomers how to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

from melda.base import log, textfiles, users
from melda.base.errors import ConfigError
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3, s3fs
from melda.sync import fork_of

README = Path(__file__).with_name("README.md")
OF_THE_VOLUME = {"lost+found"}  # made with a file system
SECONDS = 10.0  # for a few requests to S3


def _is_new(bucket: Bucket) -> bool:
    """Asked of S3 itself: the mount would look at every file of the folder to list it."""
    folder = bucket.folder + "/"
    try:
        return not bucket.fork_of and not set(s3.keys(bucket, folder, 2)) - {folder}
    except ConfigError:  # S3 does not answer; who mounts it says so
        return False


def _write(workdir: str, new: bool) -> None:
    """As the user, whose folder it is."""
    if new or not set(os.listdir(workdir)) - OF_THE_VOLUME:
        textfiles.write_if_changed(os.path.join(workdir, README.name), README.read_text("utf-8"))


def prepare(settings: Settings, supervisor: Supervisor) -> str:
    """Mount the bucket and prove that it works, or make the local folder ready. Nothing fails for the README's sake.

    Args:
        settings: of the container.
        supervisor: looks after s3fs.

    Returns:
        What the folder is, for the log.

    Raises:
        ConfigError: a bucket was asked for and cannot be had.
    """
    new: List[bool] = []

    def before(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
        fork_of.fetch(bucket, settings, supervisor)
        new.append(_is_new(bucket))

    result = s3fs.prepare(settings, supervisor, before)
    if settings.bucket is None or new == [True]:
        try:
            users.run_as(settings.layout.user, lambda: _write(settings.layout.workdir, bool(new)), SECONDS)
        except OSError as error:
            log.line(f"{README.name} is not written: {error}")
    return result
