"""The two small services beside Jupyter: the system bus and the version service."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import Dict, Optional

from melda_runtime import account, health, jupyter
from melda_runtime.environment import SRC, Settings, for_root
from melda_runtime.errors import Refused
from melda_runtime.health import BUS
from melda_runtime.supervisor import Service


def dbus(settings: Settings) -> Optional[Service]:
    """The system bus, over which install.packages() reaches apt; None where it is not installed.

    Raises:
        Refused: its folder or the machine's id cannot be made.
    """
    environment = for_root(settings)
    program = shutil.which("dbus-daemon", path=environment["PATH"])
    if not program:
        return None
    try:
        os.makedirs(os.path.dirname(BUS), mode=0o755, exist_ok=True)
        subprocess.run(["dbus-uuidgen", "--ensure"], check=True, env=environment, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused("the system bus cannot be prepared: {0}".format(error)) from None
    # --nopidfile: the file of a container that was killed would keep the next bus from starting.
    argv = (program, "--system", "--nofork", "--nopidfile", "--nosyslog")
    return Service("dbus", argv, account.ROOT, environment)


def health_folder(user: account.Account) -> None:
    """Make the folder of the sockets that the health check asks, the user's; it is in one of root's: nobody exchanges it.

    Raises:
        Refused: it cannot be made.
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
    except OSError as error:
        raise Refused("the health check cannot be prepared: {0}".format(error)) from None


def version_service(settings: Settings, variables: Dict[str, str], token: str) -> Service:
    """``GET /versions``, ``/environment`` and ``/healthz`` on port 2310, as the user.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
        token: path of Jupyter's token; empty behind a JupyterHub.

    Raises:
        Refused: it cannot be prepared.
    """
    health_folder(settings.place.user)
    # -I: like Jupyter itself, it takes no packages from the project; it only lists them.
    argv = (settings.place.python_env + "/bin/python", "-I", os.path.join(SRC, "version_check_webservice.py"))
    environment = {**variables, jupyter.TOKEN_FILE: token} if token else variables
    return Service("version service", argv, settings.place.user, environment)
