"""GIT_REPOSITORY: what a new project begins with, checked."""

from __future__ import annotations

import re

from melda.base.errors import ConfigError

VARIABLE = "GIT_REPOSITORY"
LONGEST = 2000
# No user and no password: it is in the log, and in the repository's configuration.
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/[A-Za-z0-9._~/%+-]*[A-Za-z0-9._~%+-]/?"
)


def parse(value: str) -> str:
    """``value`` without blanks around it, if it is the address of a repository; empty if there is none.

    Raises:
        ConfigError: it is none; what may be a password is not shown.
    """
    value = value.strip()
    name = value.rstrip("/").rpartition("/")[2]
    if value and (len(value) > LONGEST or not _URL.fullmatch(value) or name in (".", "..", ".git")):
        shown = re.sub(r"//[^/]*@", "//***@", value[:200])
        raise ConfigError(
            f"invalid {VARIABLE}={shown!r}: expected an address such as https://github.com/OWNER/NAME without user and"
            " password"
        )
    return value
