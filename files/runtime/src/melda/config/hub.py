"""A JupyterHub that started this container: it says under which path Jupyter is found, and who may use it.

The variables are JupyterHub's own (https://jupyterhub.readthedocs.io, "JUPYTERHUB_*"); its own package, which an image has if it
was built with ``jupyterhub=true``, reads the rest of them.
"""

from __future__ import annotations

import os
import re
from typing import Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

from melda.base.addresses import shown
from melda.base.errors import ConfigError

TOKEN = "JUPYTERHUB_API_TOKEN"  # nosec B105 # noqa: S105 - a name
TOKENS = (TOKEN, "JPY_API_TOKEN")  # the second is its name of old; hubs set both
PREFIX = "JUPYTERHUB_SERVICE_PREFIX"
PROGRAM = "bin/jupyterhub-singleuser"
WEB_PORTS = (80, 443)


class Hub(NamedTuple):
    """The hub this container belongs to.

    Attributes:
        prefix: path of this server in URLs, like ``/user/ada/``.
        port: TCP port of the hub's API, which Jupyter asks who somebody is.
    """

    prefix: str
    port: int


def _prefix(value: str) -> str:
    # As it stands in a request's first line: printable ASCII, the rest of it %-encoded by the hub.
    if not re.fullmatch(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*/", value):
        raise ConfigError(f"invalid {PREFIX}={shown(value)!r}: expected a path such as /user/ada/")
    return value


def _port(name: str, value: str) -> int:
    try:
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.netloc:
            return parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        pass
    raise ConfigError(f"invalid {name}={shown(value)!r}: expected a URL such as http://192.0.2.1:8081/hub/api")


def _listens(value: str, port: int) -> None:
    if not value.startswith("http://") or _port("JUPYTERHUB_SERVICE_URL", value) != port:
        raise ConfigError(
            f"invalid JUPYTERHUB_SERVICE_URL={shown(value)!r}: expected http and port {port}, where Jupyter listens; the hub's"
            f" spawner needs port = {port}, and internal_ssl off"
        )
    if urlsplit(value).hostname in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            f"invalid JUPYTERHUB_SERVICE_URL={shown(value)!r}: expected an address that is reached from outside of the"
            " container; the hub's spawner needs ip = '0.0.0.0'"
        )


def from_env(variables: Mapping[str, str], port: int) -> Optional[Hub]:
    """Return the hub that started this container; None: none did.

    Raises:
        ConfigError: the first variable that is invalid; the token is never shown.
    """
    if not variables.get(TOKEN):
        if variables.get(PREFIX):
            raise ConfigError(f"invalid {TOKEN}: expected one, as {PREFIX} is set")
        return None
    if not re.fullmatch(r"[!-~]{1,4096}", variables[TOKEN]):
        raise ConfigError(f"invalid {TOKEN}: expected visible ASCII, as the hub makes it")
    if variables.get("JUPYTER_TOKEN"):
        raise ConfigError(
            "invalid JUPYTER_TOKEN behind a JupyterHub: expected none, the hub says who may use this Jupyter"
        )
    _listens(variables.get("JUPYTERHUB_SERVICE_URL", ""), port)
    return Hub(
        prefix=_prefix(variables.get(PREFIX, "")),
        port=_port("JUPYTERHUB_API_URL", variables.get("JUPYTERHUB_API_URL", "")),
    )


def check_installed(python_env: str) -> None:
    """Refuse if Jupyter's environment has nothing to ask the hub with."""
    if not os.path.exists(os.path.join(python_env, PROGRAM)):
        raise ConfigError(f"invalid {TOKEN} for this image: expected one that was built with jupyterhub=true")


def check_reachable(hub: Hub, egress: str) -> None:
    """Refuse a firewall that keeps Jupyter from the hub: nobody could log in."""
    if egress == "none" or (egress == "web" and hub.port not in WEB_PORTS):
        raise ConfigError(
            f"invalid EGRESS={egress!r} behind this JupyterHub: expected 'open', as port {hub.port} of its API must be"
            " reached"
        )
