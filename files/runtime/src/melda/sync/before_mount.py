"""What is done in the bucket before it is mounted, where a request is one: through s3fs, a name that is not there costs four."""

from __future__ import annotations

from melda.base.paths import PROJECT_STATE
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3
from melda.sync import fork_of, service


def make_folders(bucket: Bucket, settings: Settings) -> None:
    """Make the folders of ours that a new project has not: each would be looked for again and again until it is there.

    Args:
        bucket: with its keys.
        settings: of the container.

    Raises:
        ConfigError: S3 does not answer, or does not allow it.
    """
    top = bucket.folder + "/"
    there = s3.children(bucket, top)
    for name in (PROJECT_STATE, *service.names(settings)):
        # Not beside a file of that name, or a folder as other tools write it: what that is s3fs decides.
        if there is not None and not there & {name, name + "/", name + "_$folder$"}:
            s3.make_folder(bucket, f"{top}{name}/")


def prepare(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
    """Make the folders, and fetch what the parent project has; arguments as for :func:`melda.mount.s3fs.prepare`.

    Raises:
        ConfigError: it cannot be done.
    """
    make_folders(bucket, settings)
    fork_of.fetch(bucket, settings, supervisor)
