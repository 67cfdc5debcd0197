"""UPGRADE: whether the packages of an older Python or R are carried over."""

from __future__ import annotations

from typing import Mapping

from melda.base.errors import ConfigError

VARIABLE = "UPGRADE"
AUTO, ASK, OFF = "auto", "ask", "off"
MODES = (AUTO, ASK, OFF)


def mode(variables: Mapping[str, str]) -> str:
    """Return what is asked for.

    Args:
        variables: of the container.

    Raises:
        ConfigError: it is nothing of these.
    """
    value = variables.get(VARIABLE, "") or AUTO
    if value not in MODES:
        raise ConfigError(f"invalid UPGRADE={value!r}: expected one of {', '.join(MODES)}")
    return value
