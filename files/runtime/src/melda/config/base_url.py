"""JUPYTER_BASE_URL: the path below which Jupyter is found, for a proxy that gives several containers one host name."""

from __future__ import annotations

import re
from typing import Mapping

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.config import hub

VARIABLE = "JUPYTER_BASE_URL"
LONGEST = 200


def parse(value: str) -> str:
    """``value`` as Jupyter has it: ``/``, or with a slash at both ends."""
    parts = value.strip().strip("/")
    if not re.fullmatch(
        r"([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*)?", parts[: LONGEST + 1]
    ) or (len(parts) > LONGEST):
        raise ConfigError(f"invalid {VARIABLE}={shown(value)!r}: expected a path such as /notebooks/ada/")
    return f"/{parts}/" if parts else "/"


def from_env(variables: Mapping[str, str]) -> str:
    """Return the path under which Jupyter answers: behind a JupyterHub it is the hub's to say.

    Raises:
        ConfigError: it is invalid, or both say it.
    """
    given = variables.get(VARIABLE, "")
    # The same it is in the environment of the user's processes, see environ.for_user().
    if given and variables.get(hub.PREFIX) and given != variables[hub.PREFIX]:
        raise ConfigError(
            f"invalid {VARIABLE}={shown(given)!r} behind a JupyterHub: expected nothing, {hub.PREFIX} is the path there"
        )
    return variables.get(hub.PREFIX) or parse(given)
