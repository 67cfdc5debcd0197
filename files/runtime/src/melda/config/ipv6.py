"""IPV6: whether the container's services listen on IPv6, beside IPv4."""

from __future__ import annotations

import os
from typing import Mapping

from melda.base.paths import IPV4_ONLY
from melda.config import choice

VARIABLE = "IPV6"
AUTO, OFF = "auto", "off"
MODES = (AUTO, OFF)


def mode(variables: Mapping[str, str]) -> str:
    """Return what is asked for."""
    return choice.from_env(variables, VARIABLE, MODES, AUTO)


def listens(variables: Mapping[str, str], note: str = IPV4_ONLY) -> bool:
    """Return whether to listen on IPv6: unless it is off, or the firewall has noted that its rules do not cover it."""
    return mode(variables) != OFF and not os.path.lexists(note)
