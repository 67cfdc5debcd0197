"""set-paths: where the user's own packages go and are found.

What the user installs lies in the project, below ``Python-X.Y.Z`` and ``R-X.Y.Z``, so it is there in the next
container. A new Python or R gets a folder of its own and leaves the old one alone.
"""

from __future__ import annotations

import os
import sys
from typing import List, NamedTuple

from melda_runtime import account, edit, environment, interpreters
from melda_runtime.environment import Place
from melda_runtime.errors import Refused

RPROFILE = "/etc/R/Rprofile.site"
BLOCK = "melda-jupyter plugins"
SECONDS = 20.0  # for what is done in the project, which may be in S3

# The version is R's own, asked when it starts. For the user alone: root must not load what users can write.
R_BLOCK = """\
local({{
  plugins <- file.path("{workdir}", paste0("R-", getRversion()))
  user <- Sys.info()[["effective_user"]]
  if (identical(user, "{user}") && dir.exists(plugins)) .libPaths(c(plugins, .libPaths()))
}})
"""


class Plugins(NamedTuple):
    """The folders of the user's own packages; ``r`` is empty where there is no R."""

    python: str
    r: str


def plugins(place: Place) -> Plugins:
    """Where the user's packages for the versions of Python and R in this container are.

    Raises:
        Refused: the virtual environment has no Python that runs.
    """
    python, r = interpreters.python(place.python_env), interpreters.r()
    if not python:
        raise Refused("{0}/bin/python does not run".format(place.python_env))
    return Plugins(
        os.path.join(place.workdir, "Python-" + python),
        os.path.join(place.workdir, "R-" + r) if r else "",
    )


def in_project(found: Plugins, home: str) -> None:
    """What the user does: make the folders, tell pip.

    Raises:
        OSError: a folder or pip.conf cannot be written.
    """
    for folder in found:
        if folder:
            os.makedirs(folder, exist_ok=True)
    os.makedirs(os.path.join(home, ".pip"), exist_ok=True)
    configuration = os.path.join(home, ".pip", "pip.conf")
    edit.update(configuration, edit.with_setting(edit.read(configuration), "install", "target", found.python))


def in_system(place: Place, rprofile: str = RPROFILE) -> None:
    """What root does: tell R.

    Raises:
        OSError: the file cannot be written.
    """

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    block = R_BLOCK.format(workdir=quoted(place.workdir), user=quoted(place.user.name))
    edit.update(rprofile, edit.with_block(edit.read(rprofile), BLOCK, block))


def prepare(place: Place) -> Plugins:
    """All of it. Doing it again changes nothing.

    Returns:
        The folders.

    Raises:
        Refused: something cannot be written.
    """
    found = plugins(place)
    try:
        account.do_as(place.user, lambda: in_project(found, place.user.home), SECONDS)
        if found.r:
            in_system(place)
    except OSError as error:
        raise Refused("the plugin folders cannot be prepared: {0}".format(error)) from None
    return found


def main() -> int:
    """Command line: no arguments; silent if all went well."""
    arguments: List[str] = sys.argv[1:]
    if arguments:
        sys.stderr.write("set-paths: {0!r} is not right: it takes no arguments\n".format(arguments[0]))
        return 2
    try:
        prepare(environment.place(environment.load()))
    except Refused as error:
        sys.stderr.write("set-paths: {0}\n".format(error))
        return 1
    return 0
