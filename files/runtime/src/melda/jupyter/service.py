"""Jupyter: its token, its command, and whether it answers."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from typing import Dict, Mapping, Tuple

from melda.base import log, regular_files, textfiles
from melda.base.errors import ConfigError
from melda.base.paths import JUPYTER_SOCKET, RUN
from melda.base.service import Service
from melda.config import base_url, hub, jupyter_port, secret_files
from melda.config.environ import SRC, Settings
from melda.web import probe

NAME = "jupyter"
PROGRAM = os.path.join(SRC, "melda/jupyter/jupyter_notebook.py")
# For the health check, which is the user: a queue of its own. The folder is the user's, so root does not connect there.
SOCKET = JUPYTER_SOCKET
ACTIVITY = "/melda-jupyter/activity"  # on that socket alone; see jupyter/activity.py
LEFT_OUT = SOCKET + ".configuration"  # why the user's configuration is skipped
# Kernels get two seconds (see the configuration); Docker gives the whole container ten.
PATIENCE = 5.0
LONGEST_TOKEN = 4096  # bytes
UNAUTHENTICATED = (
    "there is no token: whoever has an address of PGEO_IPS is the user, as are programs there, a page in a browser there"
    " (other hosts' are refused, but by DNS rebinding one passes for ours), and a neighbour on the same bridge who claims"
    " such an address (ARP); a token keeps them out (JUPYTER_TOKEN_FILE)"
)


def token_path(settings: Settings, run: str = RUN) -> str:
    """Return where the token's file is; empty behind a JupyterHub."""
    if settings.hub:
        return ""
    random = not settings.token and settings.firewall.peers is None
    return os.path.join(run, "token-" + socket.gethostname() if random else "token")


def _random_token(path: str) -> str:
    """Return the random token of an earlier start; empty if there is none. The file is the user's: anything may stand in it."""
    try:
        found = regular_files.read(path, LONGEST_TOKEN).decode("ascii")
    except (OSError, ValueError):
        return ""
    return found if re.fullmatch(r"[A-Za-z0-9_-]{43}", found) else ""


def token_file(settings: Settings, run: str = RUN) -> Tuple[str, bool]:
    """Write Jupyter's token where only the user can read it; command lines and environments show it around.

    JUPYTER_TOKEN; else, where the firewall says who may connect, none (the file is empty); else a random one.
    That one stays the same when the container is restarted; its file is called after the container (Docker
    gives each its own host name), so an image committed from it does not give the token to others. There is
    none behind a JupyterHub, which says who may use Jupyter. Where there is none otherwise, the log says what that means.

    Returns:
        Path of the file, empty if there is none, and whether the token is a random one.
    """
    if settings.hub:
        return "", False
    if not settings.token and settings.firewall.peers is not None:
        log.warn(UNAUTHENTICATED)
    random = not settings.token and settings.firewall.peers is None
    path = token_path(settings, run)
    token = (_random_token(path) or secrets.token_urlsafe(32)) if random else settings.token
    try:
        os.makedirs(run, mode=0o755, exist_ok=True)
        if not (random and _random_token(path) == token):  # else the file is what it shall be
            textfiles.replace(path, token, 0o400, (settings.layout.user.uid, settings.layout.user.gid))
    except OSError as error:
        raise ConfigError(f"Jupyter's token cannot be written: {error}") from None
    return path, random


def service(settings: Settings, variables: Dict[str, str], token: str, stdin: int) -> Service:
    """Jupyter as a service, which loads its code and then waits for the end of its standard input.

    Args:
        settings: of the container.
        variables: environment of the user's processes.
        token: path of the token's file; empty behind a JupyterHub.
        stdin: what it waits for.
    """
    place = settings.layout
    if settings.hub:
        # As an extension of the server, or not at all: without it nobody would ask who somebody is.
        secret = {"JUPYTERHUB_SINGLEUSER_EXTENSION": "1", hub.TOKEN: settings.variables[hub.TOKEN]}
    else:
        secret = {secret_files.COPY: token}
    return Service(
        name=NAME,
        # -I: see the program.
        argv=(place.python_env + "/bin/python", "-I", PROGRAM, place.workdir),
        account=place.user,
        environment={**variables, **secret},
        # Not the project: that is not there yet.
        directory="/",
        critical=True,
        stop_timeout=PATIENCE,
        stdin=stdin,
    )


def answers(variables: Mapping[str, str], seconds: float = 1.0, address: probe.Address = "") -> bool:
    """Return whether Jupyter answers on this host.

    Args:
        variables: of the container: they say its port, and the path it is found under.
        seconds: to wait for it.
        address: where; empty: at its port.
    """
    where = address or ("127.0.0.1", jupyter_port.from_env(variables))
    with contextlib.suppress(OSError):
        return probe.get(where, base_url.from_env(variables) + "api", seconds)[0] == 200
    return False


def own_address() -> str:
    """Return the address under which other hosts reach this one, as URLs have it; 127.0.0.1 where it has no network."""
    # It sends nothing: the kernel looks up its routes (RFC 5737 and 3849 keep the addresses for documentation).
    for family, other, shown in ((socket.AF_INET, "192.0.2.1", "{0}"), (socket.AF_INET6, "2001:db8::1", "[{0}]")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probed:
            probed.connect((other, 9))
            return shown.format(probed.getsockname()[0])
    return "127.0.0.1"


def url(settings: Settings, token: str, random: bool, host: str = "127.0.0.1") -> str:
    """Return what to open, for the log. A token that was given is not shown: whoever gave it knows it.

    Args:
        settings: of the start.
        token: path of the file with the token.
        random: is the token ours?
        host: where a browser finds this host: a container's port is published, as a rule on its host alone.
    """
    if settings.hub:
        return f"{settings.hub.prefix} of its JupyterHub"
    port = jupyter_port.from_env(settings.variables)
    address = f"http://{host}:{port}{base_url.from_env(settings.variables)}tree"
    return address + "?token=" + _random_token(token) if random else address
