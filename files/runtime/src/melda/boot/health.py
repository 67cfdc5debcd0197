"""Is the container well? One answer for ``GET /healthz`` and for Docker's HEALTHCHECK."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import sys
import time
from typing import Dict, Mapping, Tuple

import melda
from melda.base import memory, textfiles, users
from melda.base.errors import ConfigError
from melda.base.paths import BSPM_RUN, DATA_STATE, HEALTH_SOCKET
from melda.config import environ
from melda.jupyter import service as jupyter
from melda.mount import s3fs, watch
from melda.mount.watch import OK
from melda.plugins import state
from melda.web import probe

BUS = "/run/dbus/system_bus_socket"
# Of the version service too, by a thread of its own: unauthenticated clients may crowd the port's. The folder is the user's.
SOCKET = HEALTH_SOCKET
BSPM = "bspm"
# Only where root's side of bspm is started by us: whether it serves. R reads it too, see files/bspm/Rprofile.R.
BSPM_STATE = BSPM_RUN
PLUGINS, FORK = "plugins", "fork"
START, CONFIGURATION, MEMORY = "start", "configuration", "memory"  # only where something is the matter
VERSION = "version"
DATA = "data"  # only where DATA_BUCKET is mounted
IMAGE, UPGRADE = "image", "upgrade"  # only where the project ran on another image before
# Reported; they do not make the container unhealthy.
INFORMATIONAL = (VERSION, PLUGINS, FORK, BSPM, DATA, START, CONFIGURATION, MEMORY, IMAGE, UPGRADE)
SECONDS = 3.0  # for Jupyter, and for the bus
PATIENCE, AGAIN = 15.0, 0.5  # a service that is being started again is not ill
ONCE = 9.0  # for one answer of the version service
LONGEST = 300  # characters of a line that a process of the user's wrote
STAGES = re.compile(
    r"saved at [0-9:]{8} UTC|saved|saving|restoring|waiting|installing|failed|not kept|kept in the project's folder"
)
SHOWN = 3000  # bytes of the line that Docker keeps; it cuts off at 4096


def printable(text: str, most: int) -> str:
    """``text`` as one line without control characters, shortened."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:most]).strip()
    return line + ("…" if len(text) > most else "")


def read_state(path: str) -> str:
    """Return the line of a file that the user's processes write; empty if there is none. Whatever it is, nobody waits for it."""
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(number).st_mode):
                return printable(os.read(number, 4 * LONGEST).decode("utf-8", "replace"), LONGEST)
        finally:
            os.close(number)
    return ""


def of_mount(workdir: str, asked_for: bool) -> str:
    """``ok``, or what is the matter with the project's folder."""
    if asked_for:
        # It is not touched: who touches a mount that hangs, hangs.
        return watch.read() if s3fs.is_mounted(workdir) else "not mounted"
    return OK if os.access(workdir, os.R_OK | os.X_OK) else "cannot be read"


def of_dbus() -> str:
    """``ok``, or what is the matter with the system bus."""
    if not os.path.exists("/usr/bin/dbus-daemon"):
        return "not installed"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as bus:
        bus.settimeout(SECONDS)
        try:
            bus.connect(BUS)
        except OSError as error:
            return f"does not answer: {error.strerror}"
    return OK


def report(variables: Mapping[str, str]) -> Dict[str, str]:
    """Return one by one what is well (``ok``) and what is not."""
    found = {
        VERSION: melda.__version__,
        "jupyter": OK if jupyter.answers(variables, SECONDS, jupyter.SOCKET) else "does not answer",
        "mount": of_mount(variables.get("JUPYTER_WORKDIR", ""), bool(variables.get("BUCKET_NAME"))),
        "dbus": of_dbus(),
        PLUGINS: read_state(state.STATE) or "not kept",
    }
    bspm = textfiles.read(BSPM_STATE)
    if bspm:
        found[BSPM] = bspm
    if variables.get("FORK_OF"):
        found[FORK] = read_state(state.FORK) or "waiting"
    if variables.get("DATA_BUCKET"):
        found[DATA] = watch.read(DATA_STATE)
    killed = memory.killed()
    if killed:
        found[MEMORY] = memory.sentence(killed)
    lines = ((START, state.START), (CONFIGURATION, jupyter.LEFT_OUT), (IMAGE, state.IMAGE), (UPGRADE, state.UPGRADE))
    for name, path in lines:
        if read_state(path):
            found[name] = read_state(path)
    return found


def outline(found: Mapping[str, str]) -> Dict[str, str]:
    """Return a report for those who may not use the notebook: without names of folders, files and packages."""

    def short(name: str, line: str) -> str:
        if name in (START, IMAGE):
            return "incomplete" if name == START else "changed"
        if name not in (PLUGINS, FORK, UPGRADE):
            return line.partition(":")[0]
        stage = STAGES.match(line)
        # Else it is the line of a fork that is over: how many packages, and of whom.
        return stage.group() if stage else "done"

    return {name: short(name, line) for name, line in found.items()}


def is_healthy(found: Mapping[str, str]) -> bool:
    """Is there nothing to complain of? What the image does not have cannot be ill."""
    # Packages that cannot be saved are worth less than the kernels that would end with the container.
    return all(answer in (OK, "not installed") for name, answer in found.items() if name not in INFORMATIONAL)


def ask_service(seconds: float = ONCE) -> Tuple[bool, str]:
    """Ask the version service: does it find all well, and what does it say?"""
    try:
        status, output = probe.get(SOCKET, "/healthz", seconds)
    except OSError as error:
        return False, f"the version service does not answer: {error}"
    return status == 200, output.decode("utf-8", "replace")


def become_user() -> None:
    """Give up root's rights, if there are any: what answers, and where, is the user's.

    Raises:
        ConfigError, OSError: there is no user to become.
    """
    if os.geteuid() == 0:
        users.drop_privileges(users.find(environ.load().get("username", "")))
        users.hide()


def main() -> int:
    """Docker's HEALTHCHECK: 0 if all is well within PATIENCE, else 1 and what is wrong.

    It is this program that tries again, not Docker: Docker goes to the project before it runs the check, waits there for
    ever when s3fs hangs, and so counts one failure and no second.
    """
    deadline = time.monotonic() + PATIENCE
    try:
        os.chdir("/")
        become_user()
    except (ConfigError, OSError) as error:
        well, output = False, str(error)
    else:
        well, output = ask_service(min(ONCE, PATIENCE))
        while not well and time.monotonic() + AGAIN < deadline:
            time.sleep(AGAIN)
            well, output = ask_service(min(ONCE, deadline - time.monotonic()))
    line = printable(output, SHOWN).encode("utf-8", "replace")[:SHOWN].decode("utf-8", "ignore")
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), line.encode() + b"\n")
    return 0 if well else 1
