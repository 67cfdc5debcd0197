"""Variables that are one of a few words, or a number of seconds."""

from __future__ import annotations

import re
from typing import Mapping, Optional, Sequence

from melda.base.addresses import shown
from melda.base.errors import ConfigError


def from_env(variables: Mapping[str, str], name: str, choices: Sequence[str], default: str) -> str:
    """Return what a variable says."""
    value = variables.get(name, "")
    if value and value not in choices:
        raise ConfigError(f"invalid {name}={shown(value)!r}: expected one of {', '.join(choices)}")
    return value or default


def seconds(name: str, value: str, least: int, most: int, usual: int) -> Optional[int]:
    """Return what the variable ``name`` says; None if it is empty."""
    if value and not (re.fullmatch(r"[1-9][0-9]{0,8}", value) and least <= int(value) <= most):
        raise ConfigError(f"invalid {name}={shown(value)!r}: expected seconds, {least} to {most}, such as {usual}")
    return int(value) if value else None
