"""The project's folder, ready to be worked in; one that is empty gets a README.md, which says to newcomers how to begin."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Callable, Collection, Dict, List, Optional, Set, Tuple

from melda.base import log, oom, regular_files, users
from melda.base.errors import ConfigError
from melda.base.paths import PROJECT_STATE
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.boot import clone as cloning
from melda.config import repository
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3, s3fs
from melda.sync import before_mount
from melda.sync.upgrade_record import FOLDER

README = Path(__file__).with_name("README.md")
OF_THE_VOLUME = {"lost+found"}  # made with a file system
FOLDERS = 20  # more than a start makes
LARGEST = 1 << 16  # bytes of a README.md that may be ours
SECONDS = 10.0  # for a few requests to S3


def _is_begun(settings: Settings, names: Collection[str], readme: Callable[[], bytes]) -> bool:
    """Is a repository still to be cloned, for an earlier start has made all there is, and did not come so far?"""
    rest = {name.rstrip("/") for name in names} - OF_THE_VOLUME - {README.name, PROJECT_STATE}
    if not settings.repository or README.name not in names or not all(map(FOLDER.fullmatch, rest)):
        return False
    return readme() == README.read_bytes()


def _is_new(bucket: Bucket, settings: Settings, there: Optional[Set[str]]) -> bool:
    """Ask S3 itself: the mount would look at every file to list the folder. What an unfinished start has made is nothing.

    Args:
        bucket: with its keys.
        settings: of the container.
        there: names in the project; None: there are too many.
    """
    if bucket.fork_of or there is None:
        return False
    try:
        if any(not name.endswith("/") for name in there):
            key = f"{bucket.folder}/{README.name}"
            return _is_begun(settings, there, lambda: s3.request(bucket, "GET", key=key).body)
        return not there or all(key.endswith("/") for key in s3.keys(bucket, bucket.folder + "/", FOLDERS))
    except ConfigError:  # S3 does not answer; who mounts it says so
        return False


def _put(bucket: Bucket) -> None:
    """Put the README into the bucket, which is one request; s3fs, asked to make a file, first looks for it with four."""
    s3.put(bucket, f"{bucket.folder}/{README.name}", README.read_bytes(), "text/markdown")


def _write(path: str) -> None:
    text = README.read_text("utf-8")
    with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o644)


def prepare(settings: Settings, supervisor: Supervisor) -> Tuple[str, bool]:
    """Mount the bucket and prove that it works, or make the local folder ready. Nothing fails for the README's sake.

    Returns:
        What the folder is, for the log; and whether it was empty, so that a repository is cloned into it.
    """
    new: List[Bucket] = []

    def before(bucket: Bucket, settings: Settings, supervisor: Supervisor, there: Optional[Set[str]]) -> None:
        new.extend([bucket] * _is_new(bucket, settings, there))
        before_mount.prepare(bucket, settings, supervisor, there)

    result, readme = s3fs.prepare(settings, supervisor, before), os.path.join(settings.layout.workdir, README.name)
    if settings.bucket is not None and not new:
        return result, False
    empty: List[bool] = []

    def look() -> None:
        names = set(os.listdir(settings.layout.workdir)) - OF_THE_VOLUME
        if names and not _is_begun(settings, names, lambda: regular_files.head(readme, LARGEST, follow=False)):
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


def tell_of_no_clone(settings: Settings) -> None:
    """Say that GIT_REPOSITORY is not cloned into a project that was not empty, if nothing there is called as it is."""
    if not settings.repository or (settings.bucket and settings.bucket.fork_of):
        return
    path = os.path.join(settings.layout.workdir, repository.folder(settings.repository))

    def look() -> None:
        if not os.path.lexists(path):
            raise FileNotFoundError("the project is not empty")

    try:
        users.run_as(settings.layout.user, look, SECONDS)
    except OSError as error:
        log.warn(f"clone: GIT_REPOSITORY={settings.repository!r} is not cloned: {error}; git clone does it")
