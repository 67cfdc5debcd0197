"""The two small services beside Jupyter: the system bus and the version service."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Dict, Optional

from melda_runtime import account
from melda_runtime.environment import SRC, Settings, for_root
from melda_runtime.errors import Refused
from melda_runtime.supervisor import Service

BUS = "/run/dbus/system_bus_socket"


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


def version_service(settings: Settings, variables: Dict[str, str]) -> Service:
    """``GET /versions`` and ``GET /healthz`` on port 2310, as the user.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
    """
    # -I: like Jupyter itself, it takes no packages from the project; it only lists them.
    argv = (settings.place.python_env + "/bin/python", "-I", os.path.join(SRC, "version_check_webservice.py"))
    return Service("version service", argv, settings.place.user, variables)
