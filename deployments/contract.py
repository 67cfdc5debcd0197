"""What the image itself says of its variables, so that a deployment refuses here what a container would refuse there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from melda.base import errors
from melda.base.paths import JUPYTER_PORT, SSH_PORT, VERSIONS_PORT
from melda.config import (
    base_url,
    bucket,
    data,
    firewall_policy,
    idle,
    log_format,
    origins,
    repository,
    ssh_keys,
    stopping,
    upgrade,
)

from builder.container import FILES, OPEN, SECRET
from builder.errors import BuildError

PORTS = (JUPYTER_PORT, VERSIONS_PORT, SSH_PORT)


def check(variables: Mapping[str, str]) -> None:
    """Refuse what the container would refuse when it starts.

    Raises:
        BuildError: the first variable that is invalid.
    """
    for name in variables:
        if name in SECRET:
            raise BuildError(f"invalid {name} here: it is a secret, and given by reference only")
        if name not in OPEN and name not in FILES:
            raise BuildError(f"invalid {name}: the image reads {', '.join((*OPEN, *FILES))}")
        if name in FILES and not re.fullmatch(r"(/[^/\s]+)+", variables[name]):
            raise BuildError(f"invalid {name}: expected the path of a file in the container, such as {FILES[name]}")
    try:
        # A project comes with its task: alone it is still a mistake to be told of.
        if variables.get("BUCKET_NAME") and "PROJECT_FOLDER" not in variables:
            bucket.bucket_name(variables["BUCKET_NAME"])
            bucket.fork_of(variables.get("FORK_OF", ""), "")
        else:
            bucket.from_env(variables)
        bucket.endpoint(variables.get("AWS_ENDPOINT_URL_S3", ""))
        bucket.region(variables.get("AWS_REGION", ""))
        bucket.expiration(variables.get("AWS_CREDENTIAL_EXPIRATION", ""), 0)
        bucket.patience(variables.get("S3FS_PATIENCE", ""))
        base_url.from_env(variables)
        data.from_env(variables)
        firewall_policy.from_env(variables, None)
        idle.parse(variables.get(idle.VARIABLE, ""))
        log_format.check(variables.get(log_format.VARIABLE, ""))
        origins.parse(variables.get(origins.VARIABLE, ""))
        repository.parse(variables.get(repository.VARIABLE, ""))
        stopping.parse(variables.get(stopping.VARIABLE, ""))
        upgrade.mode(variables)
        ssh_keys.parse(variables.get("SSH_AUTHORIZED_KEYS", ""))
    except errors.ConfigError as refused:
        raise BuildError(str(refused)) from None
