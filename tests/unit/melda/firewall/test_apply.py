"""Putting rules in place: what is seen of the container, and when it must not start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.config import firewall_policy, ipv6
from melda.firewall import apply

OPEN = firewall_policy.from_env({}, None)
PEERS = firewall_policy.from_env({"PGEO_IPS": "192.0.2.7,2001:db8::/32"}, None)
NONE = firewall_policy.from_env({"EGRESS": "none"}, None)


def test_name_servers(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    assert apply.resolvers(str(file)) == []
    file.write_text("# nameserver 9.9.9.9\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver x\nnameserver\n"
                    "search example.org\nnameserver 192.0.2.1 # again\n")  # fmt: skip
    assert apply.resolvers(str(file)) == ["192.0.2.1", "fe80::1"]


def test_a_bridge_says_it_is_the_hosts_network(tmp_path: Path) -> None:
    assert not apply.is_hosts_network(str(tmp_path / "none"))
    (tmp_path / "eth0").mkdir()
    assert not apply.is_hosts_network(str(tmp_path))
    (tmp_path / "docker0" / "bridge").mkdir(parents=True)
    assert apply.is_hosts_network(str(tmp_path))


def test_the_loopbacks_address_is_no_ipv6(tmp_path: Path) -> None:
    file = tmp_path / "if_inet6"
    assert not apply.has_ipv6(str(file))
    file.write_text("00000000000000000000000000000001 01 80 10 80       lo\n\n")
    assert not apply.has_ipv6(str(file))
    file.write_text(file.read_text() + "20010db8000000000000000000000001 02 40 00 80     eth0\n")
    assert apply.has_ipv6(str(file))


Programs = Callable[..., Path]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """``programs(v4, v6)``: a container that may have a firewall; its iptables are shell scripts that note what they read."""
    monkeypatch.setattr(apply, "PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(apply.capabilities, "has", lambda _: True)
    monkeypatch.setattr(apply, "is_hosts_network", lambda: False)
    monkeypatch.setattr(apply, "has_ipv6", lambda: True)
    monkeypatch.setattr(apply, "IPV4_ONLY", str(tmp_path / "run" / "ipv4-only"))

    def install(v4: str = "exit 0", v6: str = "exit 0") -> Path:
        for name, then in (("iptables-restore", v4), ("ip6tables-restore", v6)):
            (tmp_path / name).write_text(
                f'#!/bin/sh\necho "$@" > {tmp_path}/{name}.args\ncat > {tmp_path}/{name}.read\n{then}\n'
            )
            (tmp_path / name).chmod(0o755)
        return tmp_path

    return install


def test_both_tables_are_put_in_place(programs: Programs) -> None:
    folder = programs()
    assert apply.prepare(PEERS) == "192.0.2.7/32, 2001:db8::/32 may connect, egress web"
    assert "-A INPUT -s 192.0.2.7/32 -j ACCEPT\n" in (folder / "iptables-restore.read").read_text()
    assert "-A INPUT -s 2001:db8::/32 -j ACCEPT\n" in (folder / "ip6tables-restore.read").read_text()
    assert (folder / "iptables-restore.args").read_text() == "--wait 10\n"
    assert apply.prepare(NONE) == "anybody may connect, egress none"


def test_a_proxy_on_a_port_of_its_own_is_reached(programs: Programs) -> None:
    folder, numbers = programs(), {"https_proxy": "http://10.0.0.5:3128", "all_proxy": "http://[2001:db8::5]:8080"}
    web = firewall_policy.from_env({"EGRESS": "web", **numbers}, None)
    assert apply.prepare(web) == "anybody may connect, egress web"
    assert "-d 10.0.0.5 -p tcp --dport 3128 " in (folder / "iptables-restore.read").read_text()
    assert "-d 2001:db8::5 -p tcp --dport 8080 " in (folder / "ip6tables-restore.read").read_text()


def test_a_proxy_without_an_address_is_said(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise apply.socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(apply.socket, "getaddrinfo", unknown)
    programs()
    asked = {"http_proxy": "http://proxy:3128"}
    assert apply.prepare(firewall_policy.from_env({"EGRESS": "web", **asked}, None)) == (
        "anybody may connect, egress web; the proxy proxy:3128 cannot be reached: its address is not known"
        " (Name or service not known)"
    )
    assert apply.prepare(firewall_policy.from_env(asked, None)) == "anybody may connect, egress open"


def test_what_iptables_says_is_told_in_one_line(programs: Programs) -> None:
    programs("echo ' line 2'; echo failed >&2; exit 1")
    with pytest.raises(ConfigError, match=r"^the firewall cannot be set \(iptables-restore\): line 2 failed$"):
        apply.prepare(PEERS)
    programs("exit 1")
    with pytest.raises(ConfigError, match="no reason given$"):
        apply.prepare(PEERS)
    assert apply.prepare(OPEN) == "off: the firewall cannot be set (iptables-restore): no reason given"


def test_no_ipv6_rules_matter_where_there_is_ipv6_only(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = programs(v6="exit 1")
    with pytest.raises(ConfigError, match="ip6tables-restore"):
        apply.prepare(NONE)
    assert not (folder / "iptables-restore.read").exists(), "nothing is changed if IPv6 fails"
    assert apply.prepare(OPEN) == "anybody may connect, egress open"
    monkeypatch.setattr(apply, "has_ipv6", lambda: False)
    assert apply.prepare(NONE) == "anybody may connect, egress none"


@pytest.mark.parametrize(("wanted", "alone"), [(PEERS, True), (NONE, False), (OPEN, False)])
def test_where_the_rules_do_not_cover_ipv6_nothing_listens_on_it(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, wanted: firewall_policy.FirewallPolicy, alone: bool
) -> None:
    """A network that is connected later brings IPv6 into a container that had none."""
    monkeypatch.setattr(apply, "has_ipv6", lambda: False)
    programs(v6="exit 1")
    apply.prepare(wanted)
    assert ipv6.listens({}, apply.IPV4_ONLY) is not alone
    programs()
    apply.prepare(wanted)
    assert ipv6.listens({}, apply.IPV4_ONLY), "at the next start they do"


def test_what_cannot_be_noted_must_not_listen(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "has_ipv6", lambda: False)
    monkeypatch.setattr(apply, "IPV4_ONLY", "/dev/null/run/ipv4-only")
    programs(v6="exit 1")
    with pytest.raises(ConfigError, match="^the firewall cannot be set: .*Not a directory"):
        apply.prepare(PEERS)


def test_no_program(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="^ip6tables-restore is missing in this image"):
        apply.prepare(PEERS)


def test_what_was_asked_for_and_cannot_be_had(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs()
    monkeypatch.setattr(apply, "is_hosts_network", lambda: True)
    with pytest.raises(ConfigError, match="^EGRESS='none' is set, and this is the host's own network"):
        apply.prepare(NONE)
    assert apply.prepare(OPEN) == "off, this is the host's own network"
    monkeypatch.setattr(apply.capabilities, "has", lambda _: False)
    with pytest.raises(ConfigError, match="^PGEO_IPS is set, and this container may set no firewall"):
        apply.prepare(PEERS)
    assert apply.prepare(OPEN).startswith("off, without NET_ADMIN")
