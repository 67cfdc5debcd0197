"""Putting the rules in place, before anything in the container listens."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
from typing import Callable, List, NamedTuple, Tuple

from melda.base import capabilities, textfiles
from melda.base.errors import ConfigError
from melda.base.paths import IPV4_ONLY
from melda.config.firewall_policy import FirewallPolicy
from melda.firewall import rules

RESTORE = {4: "iptables-restore", 6: "ip6tables-restore"}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def resolvers(path: str = "/etc/resolv.conf") -> List[str]:
    """Addresses of the configured DNS servers (resolv.conf(5)); what is no address is skipped."""
    found: List[str] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return []
    for fields in lines:
        if fields[:1] == ["nameserver"] and len(fields) > 1:
            try:
                found.append(str(ipaddress.ip_address(fields[1].split("%")[0])))
            except ValueError:
                continue
    return list(dict.fromkeys(found))


class Proxies(NamedTuple):
    """Address and port of each proxy; and what is to be said of those that have none."""

    found: Tuple[Tuple[str, int], ...]
    lost: str


def proxies(wanted: FirewallPolicy) -> Proxies:
    """Look up the proxies' names, once: rules have addresses."""
    found: List[Tuple[str, int]] = []
    lost = []
    for host, port in wanted.proxies if wanted.egress != "open" else ():
        try:
            asked = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((str(address[4][0]).split("%")[0], port) for address in asked)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            lost.append(f"; the proxy {host}:{port} cannot be reached: its address is not known ({reason})")
    return Proxies(tuple(dict.fromkeys(found)), "".join(lost))


def is_hosts_network(folder: str = "/sys/class/net") -> bool:
    """Is this the network of the host itself (``--network host``)? A container has no bridge in its own."""
    try:
        return any(os.path.isdir(os.path.join(folder, name, "bridge")) for name in os.listdir(folder))
    except OSError:
        return False


def has_ipv6(file: str = "/proc/net/if_inet6") -> bool:
    """Has the container an IPv6 address other than the loopback's?"""
    try:
        with open(file, encoding="ascii", errors="replace") as stream:
            return any(line.split()[-1] != "lo" for line in stream if line.strip())
    except OSError:
        return False


def call(program: str, *options: str, text: str = "") -> None:
    """Run one of iptables' programs.

    Args:
        program: its name.
        options: of it.
        text: its standard input.

    Raises:
        ConfigError: it is missing, or fails.
    """
    path = shutil.which(program, path=PATH)
    if not path:
        raise ConfigError(f"{program} is missing in this image: build it with the firewall task")
    done = subprocess.run(
        [path, "--wait", "10", *options], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        encoding="utf-8", errors="replace", env={"PATH": PATH, "LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode:
        output = " ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
        raise ConfigError("the firewall cannot be set ({0}): {1}".format(program, output or "no reason given"))


def note_ipv4_only(alone: bool) -> None:
    """Note for what listens in the container whether these rules cover IPv4 alone, see :mod:`melda.config.ipv6`.

    There may be no IPv6 now and some later: a network that is connected to a running container brings it.

    Args:
        alone: is IPv6 open where IPv4 is not?

    Raises:
        ConfigError: it cannot be noted, and so must not be open.
    """
    try:
        if alone:
            os.makedirs(os.path.dirname(IPV4_ONLY), mode=0o755, exist_ok=True)
            textfiles.replace(IPV4_ONLY, "")
        elif os.path.lexists(IPV4_ONLY):
            os.unlink(IPV4_ONLY)
    except OSError as error:
        raise ConfigError(f"the firewall cannot be set: {error}") from None


def prepare(wanted: FirewallPolicy) -> str:
    """Put the firewall in place. Doing it again gives the same rules.

    Returns:
        What it is, for the log.

    Raises:
        ConfigError: it was asked for and cannot be had; the container must not run open then.
    """
    asked = "PGEO_IPS is set" if wanted.peers is not None else f"EGRESS={wanted.egress!r} is set"
    if not capabilities.has(capabilities.NET_ADMIN):
        if wanted.explicit:
            raise ConfigError(f"{asked}, and this container may set no firewall: start it with --cap-add NET_ADMIN")
        return "off, without NET_ADMIN; what runs here can ask the cloud for credentials (docs/firewall.md)"
    if is_hosts_network():
        if wanted.explicit:
            raise ConfigError(f"{asked}, and this is the host's own network: start it without --network host")
        return "off, this is the host's own network"
    return put(wanted, lambda version, *known: call(RESTORE[version], text=rules.table(version, wanted, *known)))


def put(wanted: FirewallPolicy, put_one: Callable[[int, List[str], Tuple[Tuple[str, int], ...]], None]) -> str:
    """Put the rules of both versions in place.

    Args:
        wanted: what to enforce.
        put_one: does it for a version of the Internet Protocol, with the addresses of the DNS servers, and address and port of
            each proxy.

    Returns:
        What it is, for the log.

    Raises:
        ConfigError: it was asked for and cannot be had.
    """
    servers, ways = resolvers(), proxies(wanted)
    covered = True
    for version in (6, 4):  # IPv6 first: if it fails nothing has changed
        try:
            put_one(version, servers, ways.found)
        except ConfigError as error:
            if wanted.explicit and (version == 4 or has_ipv6()):
                raise
            if version == 4:
                return f"off: {error}"
            covered = False
    note_ipv4_only(not covered and wanted.peers is not None)
    peers = "anybody" if wanted.peers is None else ", ".join(str(peer) for peer in wanted.peers)
    return f"{peers} may connect, egress {wanted.egress}{ways.lost}"
