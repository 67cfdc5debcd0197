"""set-paths: where the user's own packages go and are found.

What the user installs lies in the project, below ``Python-X.Y.Z`` and ``R-X.Y.Z``, so it is there in the next
container. A new Python or R gets a folder of its own and leaves the old one alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from typing import Callable, List, NamedTuple, Tuple

from melda.base import folders, interpreters, log, textfiles, users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.base.paths import RPROFILE
from melda.config import environ, repository
from melda.config.environ import ImageLayout
from melda.plugins import r_library, state, venv

BLOCK = "melda-jupyter plugins"
SECONDS = 20.0  # for what is done in the project, which may be in S3
PIP_CONF_LARGEST = 1 << 14  # bytes; configparser takes the square of a line's blanks

PROFILE = "/etc/profile.d/melda-plugins.sh"
# For login shells; Jupyter and its children get the same from start-jupyter.
SHELL = """\
# Written by set-paths.
if [ "$(id -un)" = {user} ]; then
    export VIRTUAL_ENV={root} PYTHONPATH={root} PATH={root}/bin:"$PATH"
{more}fi
"""
# As there, a container's own variables win.
OURS = '    [ "${{{name}+set}}" ] || export {name}={value}\n'


class Plugins(NamedTuple):
    """The folders of the user's own packages; ``r`` is empty where there is no R."""

    python: str
    r: str


def plugins(place: ImageLayout) -> Plugins:
    """Return where the user's packages for the versions of Python and R in this container are.

    Raises:
        ConfigError: the virtual environment has no Python that runs.
    """
    python, r = interpreters.python(place.python_env), interpreters.r()
    if not python:
        raise ConfigError(f"{place.python_env}/bin/python does not run")
    return Plugins(
        os.path.join(place.workdir, "Python-" + python),
        os.path.join(place.workdir, "R-" + r) if r else "",
    )


def in_project(place: ImageLayout, found: Plugins, repair: bool) -> List[str]:
    """Return what the user does: make the folders, tell pip. Whatever lies in the way of one of it costs that alone.

    Returns:
        What could not be done.
    """
    version = interpreters.python(place.python_env)
    steps: List[Tuple[str, Callable[[], None]]] = [
        (found.python, lambda: venv.make(found.python, place.python_env, version)),
        ("~/.pip/pip.conf", lambda: tell_pip(place, found)),
    ]
    if repair:
        steps.append((found.python, lambda: venv.repair(found.python, version)))
    if found.r:
        steps.append((found.r, lambda: r_library.make(found.r)))
    if found.r and repair:
        steps.append((found.r, lambda: r_library.repair(found.r)))
    problems = []
    for what, step in steps:
        try:
            step()
        except Exception as error:  # the user may have put anything there
            problems.append(f"{what} cannot be made ready: {str(error) or repr(error)}")
    state.write("; ".join(problems), state.START)
    return problems


def tell_pip(place: ImageLayout, found: Plugins) -> None:
    """Say in pip's configuration where pip installs."""
    configuration = os.path.join(folders.make(place.user.home, ".pip", links=True), "pip.conf")
    try:
        text = textfiles.read(configuration, PIP_CONF_LARGEST)
    except OSError:  # no file, or none that anybody wrote
        folders.move_aside(configuration)
        text = ""
    # Earlier versions set this, for one folder or another: pip can neither upgrade nor remove there.
    text = textfiles.without_setting(
        text, "install", "target", os.path.join(re.escape(place.workdir), r"Python-[0-9.]+")
    )
    textfiles.write_if_changed(
        configuration, textfiles.with_setting(text, "global", "python", venv.for_pip(found.python))
    )


def in_system(place: ImageLayout, found: Plugins, rprofile: str = RPROFILE, profile: str = PROFILE) -> None:
    """Do what is root's: tell login shells and R."""
    variables = {**repository.of_git(place.workdir), **environ.kept(found.python)}
    text = SHELL.format(
        user=shlex.quote(place.user.name),
        root=shlex.quote(found.python),
        more="".join(OURS.format(name=name, value=shlex.quote(value)) for name, value in variables.items())
        + (f"    export R_LIBS_USER={shlex.quote(environ.r_libraries(found.r))}\n" if found.r else ""),
    )
    textfiles.write_if_changed(profile, text)
    if found.r:
        block = r_library.profile(place.workdir, place.user.name)
        textfiles.write_if_changed(rprofile, textfiles.set_block(textfiles.read(rprofile), BLOCK, block))


def _all_in_project(place: ImageLayout, found: Plugins, repair: bool) -> None:
    problems = in_project(place, found, repair)
    if problems:
        raise OSError("; ".join(problems))


def prepare(place: ImageLayout, repair: bool = False, strict: bool = False) -> Plugins:
    """Make the user's plugin folders, and point pip, R and logins to them. Doing it again changes nothing.

    Args:
        place: where things are.
        repair: also clear away what an installation left that was interrupted; nothing may be installing.
        strict: what is the user's must be made ready; else a problem with it is reported, and no reason not to start.
    """
    found = plugins(place)
    try:
        users.run_as(place.user, lambda: _all_in_project(place, found, repair), SECONDS)
    except OSError as error:
        if strict:
            raise TemporaryFailure(f"the plugin folders cannot be prepared: {error}") from None
        problem = str(error)
        log.warn("paths: " + problem)
        if isinstance(error, TimeoutError):  # else it has been written
            with contextlib.suppress(OSError):
                users.run_as(place.user, lambda: state.write(problem, state.START), 1.0)
    try:
        if os.geteuid() == 0:
            in_system(place, found)
    except OSError as error:
        raise TemporaryFailure(f"the plugin folders cannot be prepared: {error}") from None
    return found


def main() -> int:
    """Command line: no arguments; silent if all went well."""
    arguments: List[str] = sys.argv[1:]
    if arguments:
        sys.stderr.write(f"set-paths: invalid {arguments[0]!r}: expected no argument\n")
        return 2
    try:
        log.PREFIX = "set-paths: "
        prepare(environ.image_layout(environ.load()), strict=True)
    except ConfigError as error:
        sys.stderr.write(f"set-paths: {error}\n")
        return 1 if isinstance(error, TemporaryFailure) else 2
    return 0
