"""What start-jupyter starts where FORK_OF is set: the parent's packages, installed once, in the background."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from typing import List

from melda.base import log, regular_files, textfiles
from melda.base.addresses import hide
from melda.base.errors import ConfigError
from melda.config import environ, upgrade
from melda.envs import Json, as_user
from melda.envs.capture import copies
from melda.envs.restore.progress import few
from melda.plugins import state
from melda.sync import fork_of

PAUSE = 0.2  # seconds between two looks how far the copies are
LARGEST = 16 << 20  # bytes of what was written down


def say(text: str, level: str = log.INFO) -> None:
    """Tell it to the log, and to whoever asks /healthz."""
    log.line("fork: " + text, level)
    state.write(text, state.FORK)


def summary(parent: str, done: Json) -> str:
    """Return one line of how it went.

    Args:
        parent: folder of the parent project.
        done: what DONE holds.
    """
    if not done.get("captured"):
        return f"{parent} has no capture: nothing is installed"
    line = "{0} packages of {1} are installed".format(done["installed"] + done["there"], parent)
    if done.get("moves"):
        line += ", carried over from " + done["moves"]
    names = ["{0} {1}".format(one["name"], one["version"]).strip() for one in done["problems"]]
    if names:
        line += f"; {len(names)} cannot be had: {few(names)}"
    return line


def install(place: environ.ImageLayout, path: str) -> Json:
    """Install what a capture says; each line of it goes to the log.

    Raises:
        UsageError: it cannot be done at all.
    """
    from melda.envs.restore import command, progress  # noqa: PLC0415 what it needs takes a while to load

    class Told(progress.Progress):
        def say(self, text: str) -> None:
            log.line("fork: " + progress.printable(text))

        def done(self, count: int = 1) -> None:
            super().done(count)
            state.write(f"installing, {self.far}", state.FORK)

    from melda.envs.upgrade import fork  # noqa: PLC0415 as above

    told = Told(sys.stderr)
    auto = upgrade.mode(environ.load()) == upgrade.AUTO
    found, unusable = fork.former(place, path) if auto else ([], [])
    done = fork.carry_over(place, found, unusable, told) if found else {}
    done = done or command.restore(place, path, progress=told).as_json()
    for problem in done["problems"]:
        log.warn("fork: " + command.Problem(**problem).line())
    return {"captured": True, **done}


def wait(parent: str) -> None:
    """Wait until what the parent has is copied, see melda/sync/copy_fork.py."""
    told = ""
    copied = fork_of.copied()
    while not copied.over:
        line = f"copying what {parent} has"
        line = f"failed: {copied.problem}; it is tried again" if copied.problem else line
        if line != told:
            state.write(line, state.FORK)
        told = line
        time.sleep(PAUSE)
        copied = fork_of.copied()


def _done(path: str) -> bytes:
    try:
        return regular_files.read(path, LARGEST)
    except FileNotFoundError:
        return b""
    except OSError as error:
        if error.errno == errno.EINVAL:
            error.strerror = "it is no file"
        raise


def run(place: environ.ImageLayout, parent: str) -> None:
    """Install it, unless it was done at an earlier start."""
    folder = os.path.join(place.workdir, fork_of.HERE)
    path, over = os.path.join(folder, state.CAPTURE), os.path.join(folder, fork_of.DONE)
    try:
        done = json.loads(_done(over) or "null")
        if not done:
            wait(parent)
            done = {"captured": copies.is_there(path)}
            if done["captured"]:
                copies.clean(path)  # the parent's image may be an older one
                say(f"installing what {parent} has")
                done = install(place, path)
            textfiles.replace(over, json.dumps(done, indent=1) + "\n")
        say(summary(parent, done), log.WARNING if done.get("problems") else log.INFO)
    except ConfigError as error:
        # Asked again at the next start: another image may have the right Python.
        say(f"failed: {hide(str(error))}", log.WARNING)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        say(f"failed: {over} is not what was written there; without it the packages are installed again", log.WARNING)


def main() -> int:
    """Command line: the parent's folder, as start-jupyter gives it."""
    place = environ.image_layout(environ.load())
    as_user.go_on(place)
    arguments: List[str] = sys.argv[1:]
    try:
        run(place, arguments[0])
    except OSError as error:
        say("failed: {0}: {1}".format(error.filename or "the project", error.strerror or error), log.WARNING)
        return 1  # start-jupyter tries again
    return 0
