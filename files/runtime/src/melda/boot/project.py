"""The project's folder, ready to be worked in; one that is empty gets a README.md, which says to newcomers how to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

from melda.base import log, oom, users
from melda.base.errors import ConfigError
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.boot import clone as cloning
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3, s3fs
from melda.sync import before_mount

README = Path(__file__).with_name("README.md")
OF_THE_VOLUME = {"lost+found"}  # made with a file system
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


def _put(bucket: Bucket) -> None:
    """Put the README into the bucket, which is one request; s3fs, asked to make a file, first looks for it with four."""
    s3.put(bucket, f"{bucket.folder}/{README.name}", README.read_bytes(), "text/markdown")


def _write(path: str) -> None:
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
    new: List[Bucket] = []

    def before(bucket: Bucket, settings: Settings, supervisor: Supervisor, there: Optional[Set[str]]) -> None:
        new.extend([bucket] * _is_new(bucket, there))
        before_mount.prepare(bucket, settings, supervisor, there)

    result, readme = s3fs.prepare(settings, supervisor, before), os.path.join(settings.layout.workdir, README.name)
    if settings.bucket is not None and not new:
        return result, False
    empty: List[bool] = []

    def look() -> None:
        if set(os.listdir(settings.layout.workdir)) - OF_THE_VOLUME:
            raise FileExistsError("it is not empty")

    try:
        if new:
            empty.append(True)
            users.run_as(users.ROOT, lambda: _put(new[0]), SECONDS)  # who has the keys
        else:
            users.run_as(settings.layout.user, look, SECONDS)
            empty.append(True)
            users.run_as(settings.layout.user, lambda: _write(readme), SECONDS)
    except OSError as error:
        if empty:
            log.warn(f"{README.name} is not written: {error}")
    return result, bool(empty)


def clone(settings: Settings, variables: Dict[str, str]) -> Optional[Service]:
    """Return what clones GIT_REPOSITORY into the project, as the user; None if there is none. A failure costs itself alone."""
    if not settings.repository:
        return None
    variables = {**variables, "GIT_TERMINAL_PROMPT": "0"}
    argv = (settings.layout.python_env + "/bin/python", "-I", cloning.PROGRAM, settings.repository)
    user, workdir = settings.layout.user, settings.layout.workdir
    return Service("clone", argv, user, variables, directory=workdir, oneshot=True, score=oom.SCORE)
