"""How the log is written: LOG_FORMAT."""

from __future__ import annotations

from melda.base import log
from melda.config import choice

VARIABLE = log.FORMAT


def check(value: str) -> None:
    """Refuse what is no format. The log itself looks at the variable: an error before this is a line too."""
    choice.from_env({"LOG_FORMAT": value}, "LOG_FORMAT", log.FORMATS, "")
