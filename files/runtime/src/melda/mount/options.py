"""Options of s3fs: those of the specification, and those that spare requests or room, as this version takes them.

Each of the second kind is in :data:`SPARING`, with the reason; docs/mount.md says what was left out and why.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import List, NamedTuple, Tuple

from melda.base import users
from melda.config.bucket import Bucket
from melda.config.environ import ROOT_PATH
from melda.mount import output

S3FS = "s3fs"
PASSWORD_FILE = "/root/.passwd-s3fs"  # nosec B105 # noqa: S105 - a path
Version = Tuple[int, int]
UNKNOWN: Version = (0, 0)
# What s3fs and the kernel know of the project is as old at most: what others than this mount change is seen then.
SECONDS = 60


class Sparing(NamedTuple):
    """An option that spares requests, or room.

    Attributes:
        text: of the option.
        first, last: versions of s3fs that need it, and take it without a word.
    """

    text: str
    first: Version
    last: Version


ALL: Version = (1, 0)
NEVER: Version = (99, 0)
SPARING = (
    # What is not there costs three HEAD and a LIST, and is asked for twice by each file that is made. From 1.92 on it is s3fs's
    # own choice, and the option is a warning (https://github.com/s3fs-fuse/s3fs-fuse/pull/1922).
    Sparing("enable_noobj_cache", (1, 86), (1, 91)),
    # 900 by itself, and for ever in 1.86 (https://github.com/s3fs-fuse/s3fs-fuse/pull/1341).
    Sparing(f"stat_cache_expire={SECONDS}", ALL, NEVER),
    # libfuse's. Whoever asks s3fs for what is not there lets it be not there for that long again: who asks every second waits for
    # ever (IsNoObjectCache in its cache.cpp). So the kernel answers, until s3fs has forgotten.
    Sparing(f"negative_timeout={SECONDS + 1}", ALL, NEVER),
    # libfuse's. What was read stays in the kernel's memory while size and time are the same, at which each open looks: s3fs has
    # just asked S3 for them. Else each open downloads it again.
    Sparing("auto_cache", ALL, NEVER),
    Sparing("ac_attr_timeout=0", ALL, NEVER),
    # By itself it does not start while less than a tenth of the disk is free, 25 GB of 250, which it never needs
    # (https://github.com/s3fs-fuse/s3fs-fuse/pull/2351). So it is as before: one part of an upload is kept free.
    Sparing("free_space_ratio=0", (1, 94), NEVER),
)


def version() -> Version:
    """Return the version of the s3fs that is installed; UNKNOWN if it does not say."""
    printed = b""
    with contextlib.suppress(OSError):  # whoever starts it says so
        printed = subprocess.run(
            [S3FS, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False, env={"PATH": ROOT_PATH}
        ).stdout
    found = re.search(rb"V([0-9]+)\.([0-9]+)", printed)
    return (int(found.group(1)), int(found.group(2))) if found else UNKNOWN


def sparing(installed: Version) -> List[str]:
    """Return the options that spare requests or room; none for an unknown version: the specification's are what it takes."""
    return [one.text for one in SPARING if one.first <= installed <= one.last]


def service(bucket: Bucket) -> List[str]:
    """Return the options that say which S3 service it is, and whose role asks it."""
    chosen = [bucket.role] if bucket.role else []
    # A bucket with dots is no host that a certificate of S3's is for.
    if bucket.endpoint or "." in bucket.name:
        chosen += ["url=" + bucket.url_of_service, "use_path_request_style"]
    elif bucket.region:
        chosen.append("url=" + bucket.url_of_service)
    return chosen + ["endpoint=" + bucket.region] * bool(bucket.region)


def given(bucket: Bucket, user: users.Account, installed: Version) -> List[str]:
    """Return s3fs's options; debug output, which shows Authorization headers, only if asked for."""
    chosen = [f"umask=0007,uid={user.uid},gid={user.gid}", "allow_other", *sparing(installed)]
    # The file has no place for a session token: then all goes by the environment.
    if not bucket.role and not bucket.credentials.session:
        chosen.append("passwd_file=" + PASSWORD_FILE)
    chosen += service(bucket)
    if bucket.debug:
        chosen += ["dbglevel=debug", "curldbg"]
    else:
        chosen.append(output.LEVEL)
    return [word for option in chosen for word in ("-o", option)]
