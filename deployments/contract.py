"""What the image itself says of its variables, so that a deployment refuses here what a container would refuse there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from melda.base import errors
from melda.base.paths import SSH_PORT, VERSIONS_PORT
from melda.config import bucket, environ, jupyter_port, proxies

from builder.container import FILES, OPEN, SECRET
from builder.errors import BuildError

# A proxy may have a password; either case is read.
PROXIES = tuple(name for each in proxies.NAMES for name in (each, each.upper()))
# `make up` takes none of the others from a shell: there they are the build host's own.
READ = (*OPEN, *FILES, "LANG", *PROXIES, "no_proxy", "NO_PROXY")
REFERRED = (*SECRET, *PROXIES)


def ports(variables: Mapping[str, str]) -> tuple[int, int, int]:
    """Return the ports of a container with these variables, Jupyter's first."""
    return jupyter_port.from_env(variables), VERSIONS_PORT, SSH_PORT


def check(variables: Mapping[str, str]) -> None:
    """Refuse what the container would refuse when it starts.

    Raises:
        BuildError: the first variable that is invalid.
    """
    for name in variables:
        if name in SECRET:
            raise BuildError(f"invalid {name}=...: expected it by reference only, it is a secret")
        if name not in READ:
            raise BuildError(f"invalid {name}: expected a variable that the image reads, {', '.join(READ)}")
        if name in PROXIES and "@" in variables[name]:
            raise BuildError(f"invalid {name}=...: expected it by reference only, its password is a secret")
        if name in FILES and not re.fullmatch(r"(/[^/\s]+)+", variables[name]):
            raise BuildError(f"invalid {name}: expected the path of a file in the container, such as {FILES[name]}")
    # A project comes with its task: alone, its bucket is still a mistake to be told of.
    folder = {"PROJECT_FOLDER": "that/of-the-task"} if variables.get("BUCKET_NAME") else {}
    try:
        environ.requested({**folder, **variables})
        bucket.endpoint(variables.get("AWS_ENDPOINT_URL_S3", ""))
        bucket.region(variables.get("AWS_REGION", ""))
        bucket.expiration(variables.get("AWS_CREDENTIAL_EXPIRATION", ""), 0)
        bucket.patience(variables.get("S3FS_PATIENCE", ""))
    except errors.ConfigError as refused:
        raise BuildError(str(refused)) from None
