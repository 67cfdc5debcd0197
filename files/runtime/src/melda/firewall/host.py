"""The same rules on a host, beside whatever firewall it has: in chains of our own, which only ever take away.

A container's whole table is ours. Here ufw, Docker or an administrator may have rules, and the system's own services
(DHCP, the clock, the resolver) connect as they like. So what a container accepts goes back to the host's rules, what it
drops is dropped, and the ways out are closed to the notebooks' user alone.
"""

from __future__ import annotations

from typing import Sequence, Tuple

from melda.base.errors import ConfigError
from melda.config.firewall_policy import FirewallPolicy
from melda.firewall import apply, rules

CHAINS = {"INPUT": "MELDA-INPUT", "OUTPUT": "MELDA-OUTPUT"}  # FORWARD is for others: no notebook's packet goes there
PROGRAMS = {4: "iptables", 6: "ip6tables"}


def table(
    version: int, wanted: FirewallPolicy, resolvers: Sequence[str], uid: int, proxies: Sequence[Tuple[str, int]] = ()
) -> str:
    """Our chains, which ``iptables-restore --noflush`` fills at once and leaves the others alone.

    Args:
        version: of the Internet Protocol, 4 or 6.
        wanted: what to enforce.
        resolvers: addresses of the configured DNS servers.
        uid: number of the notebooks' user.
        proxies: address and port of each.
    """
    heads, first, last, body = [], [], [], []
    for line in rules.table(version, wanted, resolvers, proxies).splitlines():
        words = line.split(" ")
        if line[:1] == ":" and line[1:].split(" ")[0] in CHAINS:
            chain = CHAINS[words[0][1:]]
            heads.append(f":{chain} - [0:0]")
            last += [f"-A {chain} -j DROP"] if words[1] == "DROP" else []
        elif words[0] == "-A" and words[1] in CHAINS:
            returned = ["RETURN" if word == "ACCEPT" else word for word in words[2:]]
            body.append(" ".join(["-A", CHAINS[words[1]], *returned]))
    first.append(f"-A MELDA-OUTPUT -m owner ! --uid-owner {uid} -j RETURN")
    if wanted.egress == "none":
        # The host's resolver (127.0.0.53) asks the world for whoever asks it: a name can carry anything out.
        first += [f"-A MELDA-OUTPUT -o lo -p {protocol} --dport 53 -j REJECT" for protocol in ("udp", "tcp")]
    if wanted.peers is not None and version == 6:
        # DHCPv6: a question to all is answered by one, so the answer belongs to no connection.
        first.append("-A MELDA-INPUT -s fe80::/10 -p udp --sport 547 --dport 546 -j RETURN")
    return "\n".join(["*filter", *heads, *first, *body, *last, "COMMIT"]) + "\n"


def _lead_to_ours(version: int) -> None:
    """Before all other rules, once."""
    for chain, ours in CHAINS.items():
        try:
            apply.call(PROGRAMS[version], "-C", chain, "-j", ours)
        except ConfigError:
            apply.call(PROGRAMS[version], "-I", chain, "-j", ours)


def prepare(wanted: FirewallPolicy, uid: int) -> str:
    """Put our chains in place. Doing it again gives the same rules.

    Args:
        wanted: what to enforce.
        uid: number of the notebooks' user.

    Returns:
        What it is, for the log.

    Raises:
        ConfigError: it was asked for and cannot be had; nothing of ours must listen then.
    """

    def put(version: int, servers: Sequence[str], proxies: Sequence[Tuple[str, int]]) -> None:
        apply.call(apply.RESTORE[version], "--noflush", text=table(version, wanted, servers, uid, proxies))
        _lead_to_ours(version)

    return apply.put(wanted, put)
