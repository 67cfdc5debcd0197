"""The network of the users' containers, on which none reaches another."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from builder import docker as client
from builder.errors import BuildError

# The bridge driver's switch for traffic between its containers; from and to this machine everything passes.
ICC = "com.docker.network.bridge.enable_icc"


def gateway(found: dict[str, Any]) -> str:
    """Return this machine's IPv4 address on a network: where containers find the hub.

    Args:
        found: what ``docker network inspect`` says.

    Raises:
        BuildError: containers would reach each other there, or this machine has no address.
    """
    name = found["Name"]
    if found["Driver"] != "bridge" or (found["Options"] or {}).get(ICC) != "false":
        raise BuildError(
            f"invalid MELDA_HUB_NETWORK={name}: expected a network whose containers do not reach each other; remove it"
            f" ('docker network rm {name}'), or make it with '--driver bridge --opt {ICC}=false'"
        )
    for pool in found["IPAM"]["Config"] or []:
        subnet = ip_network(pool["Subnet"])
        if subnet.version == 4:
            return str(pool.get("Gateway") or subnet[1]).partition("/")[0]
    raise BuildError(f"invalid MELDA_HUB_NETWORK={name}: expected a network with an IPv4 subnet")


def ensure(docker: str, name: str) -> str:
    """Have the network.

    Args:
        docker: path of the docker client.
        name: of the network; made if it is missing.

    Returns:
        This machine's address on it.

    Raises:
        BuildError: the name is none, or a network of that name is invalid.
    """
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name):
        raise BuildError(f"invalid MELDA_HUB_NETWORK={name}: expected a network's name such as melda-hub")
    if not client.exists(docker, "network", name):
        client.call(docker, "network", "create", "--driver", "bridge", "--opt", f"{ICC}=false", name)
    return gateway(client.inspect(docker, "network", name))
