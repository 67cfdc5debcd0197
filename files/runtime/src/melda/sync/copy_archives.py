"""Copying archives from one plugin folder to another one within the bucket, as root: S3 does it."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from melda.base import log
from melda.base.errors import ConfigError
from melda.config.bucket import Bucket
from melda.mount import listing
from melda.plugins.state import PROJECT_STATE
from melda.sync import copy_fork, fork_of, server_side_copies
from melda.sync.in_bucket.store import ARCHIVE
from melda.sync.server_side_copies import Wanted

LARGEST = 5 << 30  # bytes that CopyObject takes (Amazon S3 API reference); what is larger is uploaded
PAGES = 40  # of a listing that are read: ten thousand keys


def plan(bucket: Bucket, wanted: Wanted) -> List[Tuple[str, str]]:
    """Return keys that are there, and those they are copied to.

    Raises:
        ConfigError: S3 does not answer, or does not allow it.
    """
    source, target = (f"{bucket.folder}/{PROJECT_STATE}/{name}/" for name in (wanted.source, wanted.target))
    sizes = {one.key: one.size for one in listing.objects(bucket, source, PAGES)}
    names = [part + ARCHIVE for part in wanted.parts]
    return [(source + name, target + name) for name in names if sizes.get(source + name, LARGEST + 1) <= LARGEST]


def copy(bucket: Bucket, wanted: Sequence[Wanted]) -> int:
    """Have all that is wanted copied.

    Returns:
        How many archives were.

    Raises:
        ConfigError: S3 does not answer, or does not allow it.
        OSError: no thread more can be started.
    """
    pairs: List[Tuple[str, str]] = []
    for one in wanted:
        copy_fork.make_folders(bucket, f"{PROJECT_STATE}/{one.target}")
        pairs += plan(bucket, one)
    for problem in copy_fork.copy_each(bucket, pairs).values():
        raise ConfigError(problem)
    return len(pairs)


def main() -> int:
    """Command line: no arguments. Whatever comes of it, the sync daemon is told."""
    try:
        count = copy(copy_fork.read_bucket(), server_side_copies.requested())
        log.line(f"plugins: S3 copied {count} archives within the bucket")
        fork_of.note(fork_of.Copied(True), server_side_copies.DONE)
    except (ConfigError, OSError) as error:
        fork_of.note(fork_of.Copied(True, str(error)), server_side_copies.DONE)
    return 0
