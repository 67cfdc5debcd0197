"""FORK_OF: a project that starts with the packages of another one in the same bucket.

S3 copies what the other project's daemon wrote down into this project, see copy_fork.py; a process of the user's installs
it. Both go on in the background.
"""

from __future__ import annotations

import json
import os
from typing import Dict, NamedTuple, Optional

from melda.base import oom, regular_files, textfiles, users
from melda.base.errors import ConfigError
from melda.base.paths import RUN
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import SRC, Settings, for_root
from melda.mount import s3
from melda.plugins.state import CAPTURE, PROJECT_STATE

NAME = "fork"
COPYING = "fork copy"
HERE = PROJECT_STATE + "/fork"  # in the project
DONE = "done.json"  # in there, once it is over
FILES = ".files"  # beside a capture: what can be had nowhere else
COPIED = RUN + "/fork.json"  # how far the copies are; root's
PYTHON = ("/usr/bin/python3", "-IBS")
# What installs for the user: cells come first, and its own code is loaded while the first kernel starts.
BACKGROUND = ("/usr/bin/nice", "-n", "10", *PYTHON)


class Copied(NamedTuple):
    """How far the copies are.

    Attributes:
        over: no more will come.
        problem: why it does not go on; empty: it does, or it is over.
    """

    over: bool
    problem: str = ""


NOBODY = Copied(True)


def note(copied: Copied, path: str = "") -> None:
    """Write it down, for the process that waits; ``path`` where it is no fork that waits.

    Raises:
        OSError: it cannot be written.
    """
    os.makedirs(RUN, mode=0o755, exist_ok=True)
    textfiles.replace(path or COPIED, json.dumps(copied))


def copied(path: str = "", nobody: Copied = NOBODY) -> Copied:
    """Return what was written down; ``nobody``, where there is nothing: over, as nobody copies."""
    try:
        return Copied(*json.loads(regular_files.read(path or COPIED, 16384)))
    except (OSError, ValueError, TypeError):
        return nobody


def handed_over(bucket: Bucket) -> int:
    """Return a file that holds the bucket and its keys, without a name, so that nobody else can open it."""
    given = os.memfd_create("melda-bucket")
    os.write(given, json.dumps(bucket).encode())
    return given


def is_over(bucket: Bucket) -> bool:
    """Is nothing to be copied any more?

    Raises:
        ConfigError: there is no such project, or S3 does not answer.
    """
    here = f"{bucket.folder}/{HERE}/"
    if {here + CAPTURE, here + DONE} & set(s3.keys(bucket, here)):
        return True
    if not s3.keys(bucket, bucket.fork_of + "/", 1):
        raise ConfigError(f"invalid FORK_OF={bucket.fork_of!r}: expected a folder that is in the bucket {bucket.name}")
    return False


def fetch(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
    """Have the parent's capture copied, unless it was at an earlier start; only what can be wrong is waited for.

    Raises:
        ConfigError: there is no such project, or S3 does not answer.
    """
    if not bucket.fork_of:
        return
    over = is_over(bucket)
    note(Copied(over))
    if not over:
        supervisor.start(copying(bucket, settings))


def copying(bucket: Bucket, settings: Settings) -> Service:
    """Return what copies, as root: it has the keys."""
    argv = (*PYTHON, os.path.join(SRC, "copy-fork"))
    return Service(COPYING, argv, users.ROOT, for_root(settings), oneshot=True, stdin=handed_over(bucket))


def service(settings: Settings, variables: Dict[str, str]) -> Optional[Service]:
    """Return what installs it, as the user; None if this is no fork.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
    """
    if settings.bucket is None or not settings.bucket.fork_of:
        return None
    argv = (*BACKGROUND, os.path.join(SRC, "restore-fork"), settings.bucket.fork_of)
    return Service(NAME, argv, settings.layout.user, variables, oneshot=True, score=oom.SCORE)
