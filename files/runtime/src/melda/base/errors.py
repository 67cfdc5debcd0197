"""The one way to give up: a single line that a person can act on."""

from __future__ import annotations

# Exit code (sysexits.h, EX_IOERR) of start-jupyter and of the sync daemon: something may be missing in the bucket.
EXIT_UNSAVED = 74
EXIT_IDLE = 79  # the first that sysexits.h does not use: nothing was done for IDLE_SECONDS, and all is saved


class ConfigError(Exception):
    """The container cannot do what it was asked for.

    The text is one line that names the setting, its value (never a secret's) and what would be right.
    """


class TemporaryFailure(ConfigError):
    """No setting is known to be wrong, and it did not work: it may the next time, without anybody's help."""


class StopRequested(Exception):
    """Somebody asked the container to stop while it was starting."""
