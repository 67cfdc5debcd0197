"""The ways to give up: a single line that a person can act on."""

from __future__ import annotations

from melda.base.errors import Refused


class Unavailable(Exception):
    """One package cannot be had; the text says why. The others can."""


__all__ = ["Refused", "Unavailable"]
