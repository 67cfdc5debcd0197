"""Is the container well? One answer for ``GET /healthz`` and for Docker's HEALTHCHECK."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
import time
from typing import Dict, Mapping, Tuple

from melda_persistence import state

from melda_runtime import edit, hub, jupyter, storage, watch
from melda_runtime.services import BSPM, BSPM_STATE, BUS
from melda_runtime.watch import WELL

PORT = 2310
PLUGINS, FORK = "plugins", "fork"
TOLD = (PLUGINS, FORK, BSPM)  # told, and no reason to be ill
SECONDS = 3.0
PATIENCE, AGAIN = 15.0, 0.5  # a service that is being started again is not ill


def of_mount(workdir: str, asked_for: bool) -> str:
    """``ok``, or what is the matter with the project's folder.

    Args:
        workdir: the project's folder.
        asked_for: shall it be a mounted bucket?
    """
    if asked_for:
        # It is not touched: who touches a mount that hangs, hangs.
        return watch.read() if storage.is_mounted(workdir) else "not mounted"
    return WELL if os.access(workdir, os.R_OK | os.X_OK) else "cannot be read"


def of_dbus() -> str:
    """``ok``, or what is the matter with the system bus."""
    if not os.path.exists("/usr/bin/dbus-daemon"):
        return "not installed"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as bus:
        bus.settimeout(SECONDS)
        try:
            bus.connect(BUS)
        except OSError as error:
            return "does not answer: {0}".format(error.strerror)
    return WELL


def report(variables: Mapping[str, str]) -> Dict[str, str]:
    """One by one what is well (``ok``) and what is not.

    Args:
        variables: of the container.
    """
    found = {
        "jupyter": WELL if jupyter.answers(SECONDS, hub.prefix(variables)) else "does not answer",
        "mount": of_mount(variables.get("JUPYTER_WORKDIR", ""), bool(variables.get("BUCKET_NAME"))),
        "dbus": of_dbus(),
        PLUGINS: state.read() or "not kept",
    }
    bspm = edit.read(BSPM_STATE)
    if bspm:
        found[BSPM] = bspm
    if variables.get("FORK_OF"):
        found[FORK] = state.read(state.FORK) or "waiting"
    return found


def is_well(found: Mapping[str, str]) -> bool:
    """Is there nothing to complain of? What the image does not have cannot be ill."""
    # Packages that cannot be saved are worth less than the kernels that would end with the container.
    return all(answer in (WELL, "not installed") for name, answer in found.items() if name not in TOLD)


def asked(port: int = PORT) -> Tuple[bool, str]:
    """Ask the version service: does it find all well, and what does it say?"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3 * SECONDS)
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            return answer.status == 200, answer.read().decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, "the version service does not answer: {0}".format(error)


def main() -> int:
    """Docker's HEALTHCHECK: 0 if all is well within PATIENCE, else 1 and what is wrong.

    It is this program that tries again, not Docker: Docker goes to the project before it runs the check, waits there for
    ever when s3fs hangs, and so counts one failure and no second.
    """
    deadline = time.monotonic() + PATIENCE
    well, said = asked()
    while not well and time.monotonic() < deadline:
        time.sleep(AGAIN)
        well, said = asked()
    sys.stdout.write(said + "\n")
    return 0 if well else 1
