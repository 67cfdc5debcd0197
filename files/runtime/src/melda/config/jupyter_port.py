"""JUPYTER_PORT: the port at which Jupyter listens in the container."""

from __future__ import annotations

import re
from typing import Mapping

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.base.paths import HIGHEST_PORT, JUPYTER_PORT, VERSIONS_PORT

VARIABLE = "JUPYTER_PORT"
LOWEST = 1024  # Jupyter is not root, which lower ones need in many containers
# What Kubernetes sets, and links of Docker, where a service is called jupyter: it says nothing of this container
# (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
LINK = re.compile(r"(tcp|udp|sctp)://[0-9A-Za-z.:\[\]-]+:[0-9]+")


def from_env(variables: Mapping[str, str]) -> int:
    """Return the port at which Jupyter listens."""
    value = variables.get(VARIABLE, "")
    if not value or LINK.fullmatch(value):
        return JUPYTER_PORT
    port = int(value) if re.fullmatch(r"[1-9][0-9]{3,4}", value) else 0
    if not LOWEST <= port <= HIGHEST_PORT or port == VERSIONS_PORT:
        raise ConfigError(
            f"invalid {VARIABLE}={shown(value)!r}: expected a port, {LOWEST} to {HIGHEST_PORT} and not {VERSIONS_PORT}"
        )
    return port
