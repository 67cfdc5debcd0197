"""Which characters a validator takes: all of ASCII is tried, so that no range in a pattern is one too wide or too narrow."""

from __future__ import annotations

from collections.abc import Callable

from melda.base.errors import ConfigError


def accepted_characters(check: Callable[[str], object], before: str = "", after: str = "") -> str:
    """Return the characters that ``check`` takes between ``before`` and ``after``, in their order.

    Args:
        check: raises ConfigError or returns False where it takes a value not.
        before, after: what stands around the character.
    """

    def takes(value: str) -> bool:
        try:
            return check(value) is not False
        except ConfigError:
            return False

    return "".join(character for character in map(chr, range(0x100)) if takes(before + character + after))
