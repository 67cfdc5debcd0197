"""What is done in the bucket before it is mounted, where a request is one: through s3fs, a name that is not there costs four."""

from __future__ import annotations

from typing import List, Optional, Set

from melda.base.paths import PROJECT_STATE
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3
from melda.sync import at_start, fork_of, server_side_copies, service


def make_folders(bucket: Bucket, settings: Settings, there: Optional[Set[str]]) -> List[str]:
    """Make the folders of ours that a new project has not: each would be looked for again and again until it is there.

    Args:
        bucket: with its keys.
        settings: of the container.
        there: names in the project, as :func:`melda.mount.s3.children` gives them; None: there are too many to know.

    Returns:
        The names of those that were made in the project itself.

    Raises:
        ConfigError: S3 does not answer, or does not allow it.
    """
    top, plugins = bucket.folder + "/", service.names(settings)
    if there is None:
        return []
    # Not beside a file of that name, or a folder as other tools write it: what that is s3fs decides.
    missing = [name for name in (PROJECT_STATE, *plugins) if not there & {name, name + "/", name + at_start.COMPATIBLE}]
    # Where nothing is saved yet, what is saved of each will be.
    below = [f"{PROJECT_STATE}/{name}" for name in plugins] if PROJECT_STATE in missing else []
    for name in (*missing, *below):
        s3.make_folder(bucket, f"{top}{name}/")
    return missing


def prepare(bucket: Bucket, settings: Settings, supervisor: Supervisor, there: Optional[Set[str]]) -> None:
    """Make the folders, note what there is, fetch what the parent project has, and look for copies that are asked for later.

    Args:
        bucket, settings, supervisor: as for :func:`melda.mount.s3fs.prepare`.
        there: as for :func:`make_folders`.

    Raises:
        ConfigError: it cannot be done.
    """
    at_start.note(bucket, there, make_folders(bucket, settings, there))
    fork_of.fetch(bucket, settings, supervisor)
    server_side_copies.watch(bucket, settings, supervisor)
