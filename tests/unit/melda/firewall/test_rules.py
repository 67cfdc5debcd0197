"""The rules as text, in their order; what each mode adds; the same for IPv6."""

from __future__ import annotations

import pytest
from melda.config.firewall_policy import from_env
from melda.firewall import rules

PEERS = {"PGEO_IPS": "192.0.2.7,198.51.100.0/24,2001:db8::/32"}
REJECTED = "-m owner ! --uid-owner 0 -j REJECT"


def lines(version: int, storage: str | None = None, resolvers: tuple[str, ...] = (), **variables: str) -> list[str]:
    return rules.table(version, from_env(variables, storage), list(resolvers)).splitlines()


def test_as_the_specification_reads_in_its_order() -> None:
    assert lines(4, **PEERS, EGRESS="none") == [
        "*filter",
        ":INPUT DROP [0:0]",
        ":FORWARD DROP [0:0]",
        ":OUTPUT DROP [0:0]",
        rules.OWN_SSH,
        "-A INPUT -i lo -j ACCEPT",
        "-A OUTPUT -o lo -j ACCEPT",
        f"-A OUTPUT -d 169.254.169.254 {REJECTED}",
        f"-A OUTPUT -d 169.254.170.2 {REJECTED}",
        f"-A OUTPUT -d 169.254.170.23 {REJECTED}",
        "-A FORWARD -i eth1 -o eth0 -j ACCEPT",
        "-A INPUT -s 192.0.2.7/32 -j ACCEPT",
        "-A INPUT -s 198.51.100.0/24 -j ACCEPT",
        "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "-A OUTPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT",
        "-A OUTPUT -p tcp ! --syn -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "COMMIT",
    ]


@pytest.mark.parametrize("variables", [{}, PEERS, {"EGRESS": "none"}, {"EGRESS": "web"}])
def test_the_user_takes_none_of_the_connections_that_sshd_lets_wait(variables: dict[str, str]) -> None:
    for version in (4, 6):
        found = lines(version, **variables)
        (closed,) = [number for number, line in enumerate(found) if "--dport 22 " in line and line.endswith(REJECTED)]
        assert not any("ACCEPT" in line for line in found[:closed] if line.startswith("-A OUTPUT"))


def test_ipv6_is_as_closed() -> None:
    found = lines(6, **PEERS, EGRESS="none")
    assert found[1:4] == [":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT DROP [0:0]"]
    assert [line for line in found if " -s " in line] == ["-A INPUT -s 2001:db8::/32 -j ACCEPT"]
    assert f"-A OUTPUT -d fd00:ec2::254 {REJECTED}" in found and f"-A OUTPUT -d fd00:ec2::23 {REJECTED}" in found
    accepted = {line for line in found if line.endswith("-j ACCEPT") and "-p " in line and "ESTABLISHED" not in line}
    assert accepted == {
        f"-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT"
        for chain in ("INPUT", "OUTPUT")
        for kind in (133, 134, 135, 136)
    }, "neighbours, and nothing else"


def test_with_none_the_user_cannot_have_dockers_resolver_ask_the_world() -> None:
    closed = f"-A OUTPUT -d 127.0.0.11 {REJECTED}"
    found = lines(4, "http://10.0.0.1:5000", ("127.0.0.11",), **PEERS, EGRESS="none")
    assert found.index(closed) < found.index("-A OUTPUT -o lo -j ACCEPT")
    for mode in ("web", "open"):
        assert closed not in lines(4, None, ("127.0.0.11",), **PEERS, EGRESS=mode)


def added(mode: str, **more: str) -> list[str]:
    with_it = lines(4, "http://10.0.0.1:5000", ("10.0.0.2", "2001:db8::53"), **PEERS, EGRESS=mode, **more)
    return [line for line in with_it if line not in lines(4, **PEERS, EGRESS="none")]


def test_none_adds_the_mount_and_the_names_it_needs_for_root_alone() -> None:
    root = "-m owner --uid-owner 0"
    assert added("none") == [
        f"-A OUTPUT -p udp --dport 53 -d 10.0.0.2 {root} -j ACCEPT",
        f"-A OUTPUT -p tcp --dport 53 -d 10.0.0.2 {root} -j ACCEPT",
        f"-A OUTPUT -d 169.254.169.254 -p tcp --dport 80 {root} -j ACCEPT",
        f"-A OUTPUT -d 169.254.170.2 -p tcp --dport 80 {root} -j ACCEPT",
        f"-A OUTPUT -d 169.254.170.23 -p tcp --dport 80 {root} -j ACCEPT",
        f"-A OUTPUT -p tcp --dport 5000 {root} -j ACCEPT",
    ]


def test_web_adds_names_and_the_web_for_all() -> None:
    assert added("web") == [
        "-A OUTPUT -p udp --dport 53 -d 10.0.0.2 -j ACCEPT",
        "-A OUTPUT -p tcp --dport 53 -d 10.0.0.2 -j ACCEPT",
        "-A OUTPUT -p tcp -m multiport --dports 80,443 -j ACCEPT",
        "-A OUTPUT -p tcp --dport 5000 -m owner --uid-owner 0 -j ACCEPT",
    ]


def test_a_proxy_is_reached_at_its_address_by_all_or_with_none_by_the_mount() -> None:
    found = (("10.0.0.5", 3128), ("2001:db8::5", 8080))

    def ways(version: int, egress: str, storage: str | None) -> list[str]:
        policy = from_env({"EGRESS": egress}, storage)
        with_them = rules.table(version, policy, [], found).splitlines()
        return [line for line in with_them if line not in rules.table(version, policy, []).splitlines()]

    accepted, root = "-j ACCEPT", "-m owner --uid-owner 0"
    assert ways(4, "web", None) == [f"-A OUTPUT -d 10.0.0.5 -p tcp --dport 3128 {accepted}"]
    assert ways(6, "web", None) == [f"-A OUTPUT -d 2001:db8::5 -p tcp --dport 8080 {accepted}"]
    assert ways(4, "none", "https://s3") == [f"-A OUTPUT -d 10.0.0.5 -p tcp --dport 3128 {root} {accepted}"]
    assert ways(4, "none", None) == ways(4, "open", None) == []


def test_open_leaves_the_way_out_alone() -> None:
    found = lines(4, **PEERS, EGRESS="open")
    assert ":OUTPUT ACCEPT [0:0]" in found
    assert [line for line in found if line.startswith("-A OUTPUT") and "REJECT" not in line] == [
        "-A OUTPUT -o lo -j ACCEPT"
    ]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("mode", ["web", "none"])
def test_a_first_packet_is_never_taken_for_a_part_of_what_is_known(version: int, mode: str) -> None:
    """The kernel knows ports, and no users: a datagram from the port of root's question is ESTABLISHED for it."""
    found = lines(version, "http://10.0.0.1:5000", ("10.0.0.2",), **PEERS, EGRESS=mode)
    known = [line for line in found if line.startswith("-A OUTPUT") and "ESTABLISHED" in line]
    assert known and all("--ctdir REPLY" in line or "-p tcp ! --syn" in line for line in known)


def test_dockers_own_resolver_asks_others_as_root() -> None:
    found = lines(4, None, (rules.EMBEDDED_RESOLVER,), **PEERS)
    assert "-A OUTPUT -p udp --dport 53 -m owner --uid-owner 0 -j ACCEPT" in found
    assert not any(rules.EMBEDDED_RESOLVER in line for line in found), "that way is the loopback's"


def test_asked_for_nothing_only_credentials_are_closed() -> None:
    assert lines(4) == [
        "*filter",
        ":INPUT ACCEPT [0:0]",
        ":FORWARD ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        rules.OWN_SSH,
        f"-A OUTPUT -d 169.254.169.254 {REJECTED}",
        f"-A OUTPUT -d 169.254.170.2 {REJECTED}",
        f"-A OUTPUT -d 169.254.170.23 {REJECTED}",
        "COMMIT",
    ]
