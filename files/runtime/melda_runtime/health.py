"""Is the container well? One answer for ``GET /healthz`` and for Docker's HEALTHCHECK."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
from typing import Dict, Mapping

from melda_runtime import jupyter, storage
from melda_runtime.services import BUS

PORT = 2310
SECONDS = 3.0
WELL = "ok"


def of_mount(workdir: str, asked_for: bool) -> str:
    """``ok``, or what is the matter with the project's folder.

    Args:
        workdir: the project's folder.
        asked_for: shall it be a mounted bucket?
    """
    if asked_for and not storage.is_mounted(workdir):
        return "not mounted"
    try:
        # In a process of its own: a file system that hangs would hang us.
        subprocess.run(
            ["stat", workdir + "/."],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "does not answer"
    except (OSError, subprocess.CalledProcessError):
        return "cannot be read"
    return WELL


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
    return {
        "jupyter": WELL if jupyter.answers(SECONDS) else "does not answer",
        "mount": of_mount(variables.get("JUPYTER_WORKDIR", ""), bool(variables.get("BUCKET_NAME"))),
        "dbus": of_dbus(),
    }


def is_well(found: Mapping[str, str]) -> bool:
    """Is there nothing to complain of? What the image does not have cannot be ill."""
    return all(state in (WELL, "not installed") for state in found.values())


def main() -> int:
    """Docker's HEALTHCHECK: 0 if the version service answers and finds all well, else 1 and what is wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=4 * SECONDS)
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            sys.stdout.write(answer.read().decode("utf-8", "replace").strip() + "\n")
            return 0 if answer.status == 200 else 1
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write("the version service does not answer: {0}\n".format(error))
        return 1
