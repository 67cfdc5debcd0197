"""FORK_OF: a project that starts with the packages of another one in the same bucket.

S3 copies what the other project's keeper wrote down into this project; a process of the user's installs it, in the background.
"""

from __future__ import annotations

import os
from typing import Dict, Optional

from melda_persistence.state import CAPTURE, KEPT

from melda_runtime import oom, s3
from melda_runtime.bucket import Bucket
from melda_runtime.environment import SRC, Settings
from melda_runtime.errors import Refused
from melda_runtime.supervisor import Service

NAME = "fork"
HERE = KEPT + "/fork"  # in the project
DONE = "done.json"  # in there, once it is over
FILES = ".files"  # beside a capture: what can be had nowhere else


def _folders(bucket: Bucket, path: str) -> None:
    """Make the folders on the way to ``path``, in the project: newer s3fs shows none that has no object."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        key = "/".join([bucket.folder, *parts[:count]]) + "/"
        if s3.keys(bucket, key, 1) != [key]:
            s3.make_folder(bucket, key)


def fetch(bucket: Bucket) -> None:
    """Have the parent's capture copied, unless it was at an earlier start; the capture itself last, so that it is whole.

    Raises:
        Refused: there is no such project, or S3 does not answer.
    """
    here = "{0}/{1}/".format(bucket.folder, HERE)
    if {here + CAPTURE, here + DONE} & set(s3.keys(bucket, here)):
        return
    if not s3.keys(bucket, bucket.fork_of + "/", 1):
        raise Refused(
            "FORK_OF={0!r} is not right: there is no such folder in the bucket {1}".format(bucket.fork_of, bucket.name)
        )
    _folders(bucket, HERE)
    # What its keeper wrote is newer than what its user may have captured.
    for name in (KEPT + "/" + CAPTURE, CAPTURE):
        source = "{0}/{1}".format(bucket.fork_of, name)
        found = s3.keys(bucket, source)
        if source in found:
            for key in sorted(found, reverse=True):
                if key == source or key.startswith(source + FILES + "/"):
                    s3.copy(bucket, key, here + CAPTURE + key[len(source) :])
            return


def service(settings: Settings, variables: Dict[str, str]) -> Optional[Service]:
    """What installs it, as the user; None if this is no fork.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
    """
    if settings.bucket is None or not settings.bucket.fork_of:
        return None
    argv = ("/usr/bin/python3", "-IBS", os.path.join(SRC, "restore-fork"), settings.bucket.fork_of)
    return Service(NAME, argv, settings.place.user, variables, once=True, score=oom.SCORE)
