"""The small services beside Jupyter: the system bus, what it cannot start itself, and the version service."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import Dict, Optional

from melda.base import capabilities, descriptors, log, textfiles, users
from melda.base.errors import ConfigError
from melda.base.paths import BUS_SERVICE, RUN
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.boot import health
from melda.boot.health import BSPM, BSPM_STATE, BUS
from melda.config import secret_files
from melda.config.environ import SRC, Settings, for_root

DBUS = "/usr/bin/dbus-daemon"
BSPM_INSTALLED = BUS_SERVICE
SERVES, COMPILES = "ok", "install.packages() compiles: root's side of bspm does not run"
BSPM_SECONDS = 10.0  # until it must serve


def dbus(settings: Settings) -> Optional[Service]:
    """Return the system bus, over which install.packages() reaches apt; None where it is not installed."""
    environment = for_root(settings)
    program = shutil.which("dbus-daemon", path=environment["PATH"])
    if not program:
        return None
    try:
        os.makedirs(os.path.dirname(BUS), mode=0o755, exist_ok=True)
        subprocess.run(["dbus-uuidgen", "--ensure"], check=True, env=environment, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"the system bus cannot be prepared: {error}") from None
    # --nopidfile: the file of a container that was killed would keep the next bus from starting.
    # And each of its lines in one piece: it would write the beginning, somebody else a line, and it the rest.
    argv = ("stdbuf", "-eL", program, "--system", "--nofork", "--nopidfile", "--nosyslog")
    return Service("dbus", argv, users.ROOT, environment)


def bspm(settings: Settings, supervisor: Supervisor) -> None:
    """Start root's side of bspm where the bus cannot start it when it is called: its helper is a setuid program.

    It reports itself whether it serves; nothing but install.packages() depends on it.
    """
    if not (capabilities.no_new_privileges() and os.path.exists(BSPM_INSTALLED) and os.path.exists(DBUS)):
        return
    with log.step(BSPM) as details:
        os.makedirs(RUN, mode=0o755, exist_ok=True)
        textfiles.write_if_changed(BSPM_STATE, COMPILES)
        argv = (os.path.join(SRC, "bspm-service"), "--stay", BSPM_STATE)
        supervisor.start(Service(BSPM, argv, users.ROOT, for_root(settings)))
        details.append("started, as no-new-privileges keeps the bus from doing it")

    def look() -> None:
        if textfiles.read(BSPM_STATE) != SERVES:
            log.warn(f"{BSPM}: {COMPILES}")

    supervisor.call_later(BSPM_SECONDS, look)


def health_folder(user: users.Account, *free: str) -> None:
    """Make the folder of the sockets that the health check asks, the user's; it is in one of root's: nobody exchanges it.

    Args:
        user: whose it is.
        free: paths in it that are to be free.
    """
    path = os.path.dirname(health.SOCKET)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(folder, user.uid, user.gid)
            os.fchmod(folder, 0o700)
        finally:
            os.close(folder)
        descriptors.clear_names(path, [os.path.basename(name) for name in free])
    except OSError as error:
        raise ConfigError(f"the health check cannot be prepared: {error}") from None


def version_service(settings: Settings, variables: Dict[str, str], token: str, *free: str) -> Service:
    """``GET /versions``, ``/environment`` and ``/healthz`` on port 2310, as the user.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
        token: path of Jupyter's token; empty behind a JupyterHub.
        free: paths in its folder that are to be free, beside its own.
    """
    health_folder(settings.layout.user, health.SOCKET, *free)
    # -I: like Jupyter itself, it takes no packages from the project; it only lists them.
    argv = (
        settings.layout.python_env + "/bin/python",
        "-I",
        os.path.join(SRC, "melda/boot/version_check_webservice.py"),
    )
    environment = {**variables, secret_files.COPY: token} if token else variables
    return Service("version service", argv, settings.layout.user, environment)
