"""The rules on a host: what a container's are, in chains that only take away, and from the notebooks' user alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.config import ipv6
from melda.config.firewall_policy import from_env
from melda.firewall import host

PEERS = {"PGEO_IPS": "192.0.2.7,2001:db8::/32"}


def lines(version: int, **variables: str) -> list[str]:
    return host.table(version, from_env(variables, None), ["192.0.2.53", "2001:db8::53"], 1001).splitlines()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("variables", [{}, PEERS, PEERS | {"EGRESS": "none"}, {"EGRESS": "web"}, {"EGRESS": "none"}])
def test_only_our_chains_are_named_and_nothing_is_accepted_over_the_machines_rules(
    version: int, variables: dict[str, str]
) -> None:
    found = lines(version, **variables)
    assert found[0] == "*filter" and found[-1] == "COMMIT"
    assert [line for line in found if line[0] == ":"] == [":MELDA-INPUT - [0:0]", ":MELDA-OUTPUT - [0:0]"]
    rules = [line for line in found if line[0] == "-"]
    assert all(re.match("-A MELDA-(IN|OUT)PUT ", line) and "ACCEPT" not in line for line in rules)
    assert {line.split(" -j ")[1] for line in rules} <= {"RETURN", "DROP", "REJECT"}


def test_the_systems_own_services_are_let_out_before_anything_else() -> None:
    out = [line for line in lines(4, **PEERS) if "MELDA-OUTPUT -" in line and line[0] == "-"]
    assert out[0] == "-A MELDA-OUTPUT -m owner ! --uid-owner 1001 -j RETURN"
    assert out[-1] == "-A MELDA-OUTPUT -j DROP"


def test_who_may_connect_and_nobody_else() -> None:
    assert [line for line in lines(4, **PEERS) if line.startswith("-A MELDA-INPUT")] == [
        "-A MELDA-INPUT -i lo -j RETURN",
        "-A MELDA-INPUT -s 192.0.2.7/32 -j RETURN",
        "-A MELDA-INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
        "-A MELDA-INPUT -j DROP",
    ]
    found = lines(6, **PEERS)
    assert "-A MELDA-INPUT -s fe80::/10 -p udp --sport 547 --dport 546 -j RETURN" in found, "the address is renewed"
    assert "-A MELDA-INPUT -j DROP" in found


def test_unset_nothing_is_dropped_but_the_clouds_credentials_are_closed_to_the_user() -> None:
    found = lines(4)
    assert not [line for line in found if line.endswith("DROP")]
    assert "-A MELDA-OUTPUT -d 169.254.169.254 -m owner ! --uid-owner 0 -j REJECT" in found


def test_with_none_the_machines_resolver_does_not_ask_the_world_for_the_user() -> None:
    out = [line for line in lines(4, EGRESS="none") if line.startswith("-A MELDA-OUTPUT")]
    closed = [out.index(f"-A MELDA-OUTPUT -o lo -p {protocol} --dport 53 -j REJECT") for protocol in ("udp", "tcp")]
    assert max(closed) < out.index("-A MELDA-OUTPUT -o lo -j RETURN")


@pytest.fixture
def iptables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that note what they are called with; ``-C`` fails until ``-I`` was there, and nothing is done where it says so."""
    monkeypatch.setattr(host.apply, "PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(host.apply, "has_ipv6", lambda: True)
    monkeypatch.setattr(host.apply, "IPV4_ONLY", str(tmp_path / "ipv4-only"))
    script = f"""#!/bin/sh
    name=${{0##*/}}
    echo "$name $*" >> {tmp_path}/log
    [ ! -e {tmp_path}/$name.broken ] || {{ echo "no $name"; exit 1; }}
    case "$*" in *-C*) [ -e {tmp_path}/$name.$4 ];; *-I*) touch {tmp_path}/$name.$4;; esac
    """
    for name in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_our_chains_are_led_to_once(iptables: Path) -> None:
    for _ in range(2):
        assert host.prepare(from_env(PEERS, None), 1001) == "192.0.2.7/32, 2001:db8::/32 may connect, egress web"
    done = (iptables / "log").read_text().splitlines()
    assert done.count("iptables --wait 10 -I INPUT -j MELDA-INPUT") == 1
    assert done.count("ip6tables --wait 10 -I OUTPUT -j MELDA-OUTPUT") == 1
    assert done[0] == "ip6tables-restore --wait 10 --noflush"


@pytest.mark.parametrize("broken", ["iptables", "iptables-restore"])
def test_what_cannot_be_had_is_refused_if_it_was_asked_for(iptables: Path, broken: str) -> None:
    (iptables / f"{broken}.broken").touch()
    with pytest.raises(ConfigError, match=f"the firewall cannot be set .{broken}.: no {broken}$"):
        host.prepare(from_env(PEERS, None), 1001)
    assert host.prepare(from_env({}, None), 1001) == f"off: the firewall cannot be set ({broken}): no {broken}"


def test_ipv6_matters_where_there_is_any(iptables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (iptables / "ip6tables.broken").touch()
    with pytest.raises(ConfigError, match="ip6tables"):
        host.prepare(from_env(PEERS, None), 1001)
    monkeypatch.setattr(host.apply, "has_ipv6", lambda: False)
    assert host.prepare(from_env(PEERS, None), 1001).endswith("may connect, egress web")
    assert not ipv6.listens({}, host.apply.IPV4_ONLY), "IPv6 may come later"
    assert host.prepare(from_env({}, None), 1001) == "anybody may connect, egress open"
    assert ipv6.listens({}, host.apply.IPV4_ONLY)
