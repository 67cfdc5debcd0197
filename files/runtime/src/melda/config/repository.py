"""GIT_REPOSITORY: what a new project begins with, checked."""

from __future__ import annotations

import re
from typing import Dict

from melda.base.addresses import is_host, shown
from melda.base.errors import ConfigError
from melda.base.paths import PROJECT_STATE

VARIABLE = "GIT_REPOSITORY"
REMEMBERED = 8 * 3600  # seconds for which git does not ask for a password again
LONGEST = 2000
# No user and no password: it is in the log, and in the repository's configuration.
_URL = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/[A-Za-z0-9._~/%+-]*[A-Za-z0-9._~%+-]/?"
)
# Names of the folder that git makes: what is no name, and what has another meaning in a project.
_OURS = re.compile(rf"(|\.|\.\.|{re.escape(PROJECT_STATE)}|\.gitconfig|(Python|R)-[0-9]+(\.[0-9]+)+)(\.git)?")


def parse(value: str) -> str:
    """``value`` without blanks around it, if it is the address of a repository; empty if there is none.

    Raises:
        ConfigError: it is none; what may be a password is not shown.
    """
    value = value.strip()
    name = value.rstrip("/").rpartition("/")[2]
    found = _URL.fullmatch(value) if len(value) <= LONGEST else None
    if value and not (found and is_host(found.group(1)) and not _OURS.fullmatch(name)):
        raise ConfigError(
            f"invalid {VARIABLE}={shown(value)!r}: expected an address such as https://github.com/OWNER/NAME without user and"
            " password"
        )
    return value


def folder(address: str) -> str:
    """Return the name of the folder that git makes of a repository's address."""
    name = address.rstrip("/").rpartition("/")[2]
    return name[: -len(".git")] if name.endswith(".git") else name


def of_git(workdir: str) -> Dict[str, str]:
    """Return variables with which ``git config --global`` writes into the project, and passwords are in memory alone.

    A host's home has a file of that kind, which is read too. git 2.25 (Ubuntu 20.04) knows none of this
    (https://git-scm.com/docs/git-config#ENVIRONMENT).
    """
    pairs = (("credential.helper", f"cache --timeout={REMEMBERED}"), ("include.path", "~/.gitconfig"))
    found = {"GIT_CONFIG_GLOBAL": workdir + "/.gitconfig", "GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        found.update({f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value})
    return found
