"""A second bucket, or a folder of one, that everybody of a project reads: DATA_BUCKET and DATA_FOLDER, checked."""

from __future__ import annotations

import time
from typing import Mapping, Optional

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.config import bucket
from melda.config.bucket import Bucket

NAME, FOLDER = "DATA_BUCKET", "DATA_FOLDER"


def from_env(variables: Mapping[str, str]) -> Optional[Bucket]:
    """Return what is to be mounted read-only beside the project, with the project's keys, service and region; None: nothing.

    Raises:
        ConfigError: a variable is invalid.
    """
    name, folder = variables.get(NAME, ""), variables.get(FOLDER, "")
    if not name and folder:
        raise ConfigError(f"{FOLDER}={shown(folder)!r} needs {NAME}: it is a folder in it")
    if not name:
        return None
    return Bucket(
        name=bucket.bucket_name(name, NAME),
        folder=bucket.project_folder(folder, FOLDER) if folder else "",
        credentials=bucket.credentials(variables),
        endpoint=bucket.endpoint(variables.get("AWS_ENDPOINT_URL_S3", "")),
        region=bucket.region(variables.get("AWS_REGION", "")),
        debug=False,
        patience=bucket.patience(variables.get("S3FS_PATIENCE", "")),
        variable=NAME,
        expires=bucket.expiration(variables.get("AWS_CREDENTIAL_EXPIRATION", ""), time.time()),
    )
