"""UPGRADE: whether the packages of an older Python or R are carried over."""

from __future__ import annotations

from typing import Mapping

from melda.config import choice

VARIABLE = "UPGRADE"
AUTO, ASK, OFF = "auto", "ask", "off"
MODES = (AUTO, ASK, OFF)


def mode(variables: Mapping[str, str]) -> str:
    """Return what is asked for."""
    return choice.from_env(variables, VARIABLE, MODES, AUTO)
