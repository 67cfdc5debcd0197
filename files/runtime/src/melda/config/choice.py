"""Variables that are one of a few words."""

from __future__ import annotations

from typing import Mapping, Sequence

from melda.base.addresses import shown
from melda.base.errors import ConfigError


def from_env(variables: Mapping[str, str], name: str, choices: Sequence[str], default: str) -> str:
    """Return what a variable says.

    Args:
        variables: of the container.
        name: of the variable.
        choices: what it may be.
        default: where it is unset or empty.
    """
    value = variables.get(name, "")
    if value and value not in choices:
        raise ConfigError(f"invalid {name}={shown(value)!r}: expected one of {', '.join(choices)}")
    return value or default
