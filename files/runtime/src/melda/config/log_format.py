"""How the log is written: LOG_FORMAT."""

from __future__ import annotations

from melda.base import log
from melda.base.errors import ConfigError

VARIABLE = log.FORMAT


def check(value: str) -> None:
    """Refuse what is no format. The log itself looks at the variable: an error before this is a line too.

    Raises:
        ConfigError: it is none.
    """
    if value not in ("", *log.FORMATS):
        raise ConfigError("invalid LOG_FORMAT={0!r}: expected one of {1}".format(value, ", ".join(log.FORMATS)))
