"""The ways to give up: a single line that a person can act on."""

from __future__ import annotations

from melda.base.errors import ConfigError

UNAVAILABLE = 1  # exit code: some packages cannot be had


class UsageError(ConfigError):
    """What was asked for cannot be done: exit code 2."""


class PackageUnavailable(Exception):
    """One package cannot be had; the text says why. The others can."""


class Unusable(Exception):
    """One entry of a file cannot be used; the text says why. The others can."""
