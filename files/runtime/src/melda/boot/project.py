"""The project's folder, ready to be worked in; one that is empty gets a README.md, which says to newcomers how to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

from melda.base import log, oom, users
from melda.base.errors import ConfigError
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3, s3fs
from melda.sync import before_mount

README = Path(__file__).with_name("README.md")
OF_THE_VOLUME = {"lost+found"}  # made with a file system
CLONE = """\
echo "start-jupyter: clone: $1" >&2
git clone --quiet -- "$1" && echo "start-jupyter: clone: done" >&2 ||
    echo "start-jupyter: clone: GIT_REPOSITORY='$1' was not cloned; git's line above says why, and git clone tries again" >&2
"""
FOLDERS = 20  # more than a start makes
SECONDS = 10.0  # for a few requests to S3


def _is_new(bucket: Bucket, there: Optional[Set[str]]) -> bool:
    """Ask S3 itself: the mount would look at every file to list the folder. What an unfinished start has made is nothing.

    Args:
        bucket: with its keys.
        there: names in the project; None: there are too many.
    """
    if bucket.fork_of or there is None or any(not name.endswith("/") for name in there):
        return False
    try:
        return not there or all(key.endswith("/") for key in s3.keys(bucket, bucket.folder + "/", FOLDERS))
    except ConfigError:  # S3 does not answer; who mounts it says so
        return False


def _write(path: str) -> None:
    """Write the README at its place: a file that is new comes into a bucket as a whole, and a rename is nine requests."""
    text = README.read_text("utf-8")
    with open(path, "x", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o644)


def prepare(settings: Settings, supervisor: Supervisor) -> Tuple[str, bool]:
    """Mount the bucket and prove that it works, or make the local folder ready. Nothing fails for the README's sake.

    Args:
        settings: of the container.
        supervisor: looks after s3fs.

    Returns:
        What the folder is, for the log; and whether it was empty.

    Raises:
        ConfigError: a bucket was asked for and cannot be had.
    """
    new: List[bool] = []

    def before(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
        there = s3.children(bucket, bucket.folder + "/")
        new.append(_is_new(bucket, there))
        before_mount.prepare(bucket, settings, supervisor, there)

    result, readme = s3fs.prepare(settings, supervisor, before), os.path.join(settings.layout.workdir, README.name)
    if settings.bucket is not None and new != [True]:
        return result, False
    empty: List[bool] = []

    def look() -> None:
        if not new and set(os.listdir(settings.layout.workdir)) - OF_THE_VOLUME:
            raise FileExistsError("it is not empty")

    try:
        users.run_as(settings.layout.user, look, SECONDS)
        empty.append(True)
        users.run_as(settings.layout.user, lambda: _write(readme), SECONDS)
    except OSError as error:
        if empty:
            log.line(f"{README.name} is not written: {error}")
    return result, bool(empty)


def clone(settings: Settings, variables: Dict[str, str]) -> Optional[Service]:
    """Return what clones GIT_REPOSITORY into the project, as the user; None if there is none. A failure costs itself alone."""
    if not settings.repository:
        return None
    variables = {**variables, "GIT_TERMINAL_PROMPT": "0"}
    argv = ("/bin/sh", "-c", CLONE, "sh", settings.repository)
    user, workdir = settings.layout.user, settings.layout.workdir
    return Service("clone", argv, user, variables, directory=workdir, oneshot=True, score=oom.SCORE)
