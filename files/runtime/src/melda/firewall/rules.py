"""The rules, as iptables-restore reads them; docs/firewall.md says what they allow."""

from __future__ import annotations

from typing import Iterable, List, Sequence, Tuple

from melda.config.firewall_policy import FirewallPolicy

# Where clouds give credentials to whoever asks: EC2's instance metadata, ECS's task role, EKS Pod Identity.
CREDENTIALS = {4: ("169.254.169.254", "169.254.170.2", "169.254.170.23"), 6: ("fd00:ec2::254", "fd00:ec2::23")}
# Without these no IPv6 neighbour is found (RFC 4890, 4.4.1): solicitations and advertisements, of routers and neighbours.
NEIGHBOURS = ("133", "134", "135", "136")
ROOT = "-m owner --uid-owner 0"
# Of what is under way, only what the other side began or TCP goes on with. A first packet needs a rule of its own, also where
# the kernel knows its ports: of a user's datagram from the port of root's question it thinks that it belongs to root's.
UNDER_WAY = ("-m conntrack --ctstate ESTABLISHED --ctdir REPLY", "-p tcp ! --syn -m conntrack --ctstate ESTABLISHED")
WEB_PORTS = "80,443"
# Only others log in. Connections that say nothing would take all that sshd lets wait (MaxStartups), and a limit for each source
# would not help: the user has all of 127.0.0.0/8, and the container's own address, which Docker's bridge is next to.
OWN_SSH = "-A OUTPUT -o lo -p tcp --syn --dport 22 -m owner ! --uid-owner 0 -j REJECT"
# Docker's own resolver answers inside of the container, and asks others from there, as root.
EMBEDDED_RESOLVER = "127.0.0.11"


def _icmp(version: int) -> List[str]:
    if version == 4:
        return []
    return [
        f"-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT"
        for chain in ("INPUT", "OUTPUT")
        for kind in NEIGHBOURS
    ]


def _dns(version: int, resolvers: Iterable[str], who: str) -> List[str]:
    rules = []
    for server in resolvers:
        if (":" in server) != (version == 6):
            continue
        match = ROOT if server == EMBEDDED_RESOLVER else f"-d {server} {who}".strip()
        rules += [f"-A OUTPUT -p {protocol} --dport 53 {match} -j ACCEPT" for protocol in ("udp", "tcp")]
    return rules


def _proxies(version: int, proxies: Iterable[Tuple[str, int]], who: str) -> List[str]:
    ours = [(at, port) for at, port in proxies if (":" in at) == (version == 6)]
    return [" ".join(f"-A OUTPUT -d {at} -p tcp --dport {port} {who} -j ACCEPT".split()) for at, port in ours]


def _egress(
    version: int, wanted: FirewallPolicy, resolvers: Sequence[str], proxies: Sequence[Tuple[str, int]]
) -> List[str]:
    storage = [f"-A OUTPUT -p tcp --dport {wanted.storage_port} {ROOT} -j ACCEPT"] if wanted.storage_port else []
    if wanted.egress == "web":
        web = f"-A OUTPUT -p tcp -m multiport --dports {WEB_PORTS} -j ACCEPT"
        return [*_dns(version, resolvers, ""), web, *_proxies(version, proxies, ""), *storage]
    # The mount's, the names it needs, and where its keys come from if none were given.
    keys = [f"-A OUTPUT -d {at} -p tcp --dport 80 {ROOT} -j ACCEPT" for at in CREDENTIALS[version]]
    return [*_dns(version, resolvers, ROOT), *keys, *_proxies(version, proxies, ROOT), *storage] if storage else []


def table(
    version: int, wanted: FirewallPolicy, resolvers: Sequence[str], proxies: Sequence[Tuple[str, int]] = ()
) -> str:
    """Return the whole filter table, which iptables-restore puts in place at once.

    Args:
        version: of the Internet Protocol, 4 or 6.
        wanted: what to enforce.
        resolvers: addresses of the configured DNS servers.
        proxies: address and port of each.
    """
    closed_in, closed_out = wanted.peers is not None, wanted.egress != "open"
    chains: Tuple[Tuple[str, bool], ...] = (("INPUT", closed_in), ("FORWARD", closed_in), ("OUTPUT", closed_out))
    rules = [":{0} {1} [0:0]".format(chain, "DROP" if closed else "ACCEPT") for chain, closed in chains]
    rules.append(OWN_SSH)
    if wanted.egress == "none" and EMBEDDED_RESOLVER in resolvers and version == 4:
        # It asks the world in the mount's name; whoever asks it through the loopback can tell the world anything.
        rules.append(f"-A OUTPUT -d {EMBEDDED_RESOLVER} -m owner ! --uid-owner 0 -j REJECT")
    rules += ["-A INPUT -i lo -j ACCEPT", "-A OUTPUT -o lo -j ACCEPT"] if closed_in or closed_out else []
    # Before anything lets them out. Root may ask: the mount's credentials can come from there.
    rules += [f"-A OUTPUT -d {address} -m owner ! --uid-owner 0 -j REJECT" for address in CREDENTIALS[version]]
    if closed_in or closed_out:
        rules += _icmp(version)
    if closed_in:
        rules.append("-A FORWARD -i eth1 -o eth0 -j ACCEPT")
        rules += [f"-A INPUT -s {peer} -j ACCEPT" for peer in wanted.peers or () if peer.version == version]
        rules.append("-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
    if closed_out:
        rules += [f"-A OUTPUT {match} -j ACCEPT" for match in UNDER_WAY]
        rules += _egress(version, wanted, resolvers, proxies)
    return "\n".join(["*filter", *rules, "COMMIT"]) + "\n"
