"""UHOME and JUPYTER_WORKDIR: the folders that a start gives to the user. The image sets them, and a variable may set others."""

from __future__ import annotations

import os
import re
from typing import Mapping, NamedTuple

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.base.paths import SYSTEM_FOLDERS, VOLATILE_FOLDERS

HOME, PROJECT = "UHOME", "JUPYTER_WORKDIR"
SYSTEMS = re.compile(rf"/({VOLATILE_FOLDERS}|{SYSTEM_FOLDERS})(/|$)")


class Folders(NamedTuple):
    """Absolute paths of the home and of the project in it."""

    home: str
    project: str


def absolute(variables: Mapping[str, str], name: str) -> str:
    """Return a variable's absolute path.

    Raises:
        ConfigError: it is none, or belongs to the system.
    """
    value = variables.get(name, "")
    if (
        not value.startswith("/")
        or os.path.normpath(value) != value.rstrip("/")
        or not value.isprintable()
        or ":" in value
        or SYSTEMS.match(value)
    ):
        # A colon would end a path in PYTHONPATH, a control character a line in the files we write.
        raise ConfigError(f"invalid {name}={shown(value)!r}: expected an absolute path such as /home/melda")
    return value.rstrip("/")


def from_env(variables: Mapping[str, str]) -> Folders:
    """Return both.

    Raises:
        ConfigError: one is invalid, or the project is not in the home.
    """
    found = Folders(absolute(variables, HOME), absolute(variables, PROJECT))
    if not found.project.startswith(found.home + "/"):
        raise ConfigError(f"invalid {PROJECT}={shown(found.project)!r}: expected a path below {HOME}={found.home!r}")
    return found
