"""A second bucket, or a folder of one, that everybody of a project reads: DATA_BUCKET and DATA_FOLDER, checked."""

from __future__ import annotations

from typing import Mapping, Optional

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.config import bucket
from melda.config.bucket import Bucket

NAME, FOLDER = "DATA_BUCKET", "DATA_FOLDER"


def from_env(variables: Mapping[str, str]) -> Optional[Bucket]:
    """Return what is to be mounted read-only beside the project, with the project's keys, service and region; None: nothing."""
    name, folder = variables.get(NAME, ""), variables.get(FOLDER, "")
    if not name and folder:
        raise ConfigError(f"invalid {FOLDER}={shown(folder)!r}: expected {NAME} beside it")
    if not name:
        return None
    return Bucket(
        name=bucket.bucket_name(name, NAME),
        folder=bucket.project_folder(folder, FOLDER) if folder else "",
        credentials=bucket.credentials(variables),
        variable=NAME,
        **bucket.options(variables, mounts=True)._replace(debug=False)._asdict(),
    )
