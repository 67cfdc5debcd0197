"""What the firewall was asked for: variables of docs/reference/variables.md, checked."""

from __future__ import annotations

import ipaddress
import re
from typing import List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.config import choice, proxies

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
EGRESS = ("web", "none", "open")
HTTPS = 443
MAPPED = 96  # bits of an IPv4-mapped IPv6 address before the IPv4 (RFC 4291, 2.5.5.2)


class FirewallPolicy(NamedTuple):
    """What to enforce.

    Attributes:
        peers: who may connect, on every port; None: whoever can reach the container.
        egress: where the container may connect to, one of :data:`EGRESS`.
        explicit: was anything asked for? Then it must be enforced.
        storage_port: TCP port of the S3 service; None: there is no mount.
        proxies: host and port of each that is to be used.
    """

    peers: Optional[Tuple[Network, ...]]
    egress: str
    explicit: bool
    storage_port: Optional[int]
    proxies: Tuple[Tuple[str, int], ...] = ()


def _network(entry: str, value: str) -> Network:
    name = f"invalid PGEO_IPS={shown(entry or value)!r}: expected "
    one = "an address or a network, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
    if not re.fullmatch(r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?", entry):
        raise ConfigError(name + one)
    try:
        network = ipaddress.ip_network(entry)
    except ValueError:
        try:
            meant = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise ConfigError(name + one) from None
        raise ConfigError(
            name + "the network {0}, or the address {1}".format(meant, entry.split("/", maxsplit=1)[0])
        ) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped and network.prefixlen >= MAPPED:
        # No packet comes from such an address: the kernel has it as IPv4.
        raise ConfigError(name + f"it as IPv4, {mapped}/{network.prefixlen - MAPPED}")
    if network.prefixlen == 0:
        raise ConfigError(
            name + "no network of everybody, who would need no token; leave PGEO_IPS unset for a notebook with one"
        )
    return network


def peers(value: str) -> Optional[Tuple[Network, ...]]:
    """Return the addresses and networks of PGEO_IPS, in its order; None if it is empty.

    Args:
        value: comma-separated; spaces do no harm.

    Raises:
        ConfigError: it names the first entry that is neither, the whole value where one is missing between commas.
    """
    if not value.strip():
        return None
    found: List[Network] = [_network(entry.strip(), value) for entry in value.split(",")]
    return tuple(dict.fromkeys(found))


def from_env(variables: Mapping[str, str], storage: Optional[str]) -> FirewallPolicy:
    """Return what the variables ask for.

    Args:
        variables: of the container.
        storage: URL of the S3 service to mount from; None: there is no mount.
    """
    allowed = peers(variables.get("PGEO_IPS", ""))
    egress = choice.from_env(variables, "EGRESS", EGRESS, "")
    parts = urlsplit(storage) if storage is not None else None
    default = {"http": 80, "https": HTTPS}
    return FirewallPolicy(
        peers=allowed,
        egress=egress or ("web" if allowed else "open"),
        explicit=bool(allowed or egress),
        storage_port=(parts.port or default.get(parts.scheme, HTTPS)) if parts else None,
        proxies=proxies.places(variables),
    )
