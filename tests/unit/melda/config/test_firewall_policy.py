"""PGEO_IPS and EGRESS: what is accepted, and that nothing but addresses ever reaches the rules."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import firewall_policy
from melda.firewall import rules

ENTRIES = st.one_of(
    st.ip_addresses().filter(lambda one: not getattr(one, "ipv4_mapped", None)).map(str),
    st.builds(lambda address, bits: str(ipaddress.ip_network((int(address), bits), strict=False)),
              st.ip_addresses(v=4), st.integers(1, 32)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("192.0.2.7", ["192.0.2.7/32"]),
        (" 192.0.2.7 ,\t2001:db8::/32 ", ["192.0.2.7/32", "2001:db8::/32"]),
        ("192.0.2.0/24,192.0.2.0/24", ["192.0.2.0/24"]),
        ("2001:db8::1/128", ["2001:db8::1/128"]),
        ("128.0.0.0/1", ["128.0.0.0/1"]),
        ("2001:DB8::1", ["2001:db8::1/128"]),
    ],
)
def test_addresses_and_networks(value: str, found: list[str]) -> None:
    assert [str(peer) for peer in firewall_policy.peers(value) or ()] == found


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_nothing(value: str) -> None:
    assert firewall_policy.peers(value) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("example.org", "invalid PGEO_IPS='example.org': expected an address or a network"),
        ("192.0.2.7,", "invalid PGEO_IPS='192.0.2.7,': expected an address or a network"),
        (",", "invalid PGEO_IPS=','"),
        ("192.0.2.7;192.0.2.8", "invalid PGEO_IPS='192.0.2.7;192.0.2.8'"),
        ("192.0.2.7 192.0.2.8", "invalid PGEO_IPS='192.0.2.7 192.0.2.8'"),
        ("192.0.2.256", "invalid PGEO_IPS='192.0.2.256'"),
        ("192.0.2.7/33", "invalid PGEO_IPS='192.0.2.7/33'"),
        ("192.0.2.7/24", "expected the network 192.0.2.0/24, or the address 192.0.2.7"),
        ("0.0.0.0/0", "expected no network of everybody, who would need no token"),
        ("::/0", "expected no network of everybody, who would need no token"),
        ("fe80::1%eth0", "expected an address or a network"),
        ("192.0.2.7 -j ACCEPT", "invalid PGEO_IPS='192.0.2.7 -j ACCEPT'"),
        ("10.0.0.1\n-A INPUT -j ACCEPT", r"invalid PGEO_IPS='10.0.0.1\n-A INPUT -j ACCEPT'"),
        ("0x7f.1", "invalid PGEO_IPS='0x7f.1'"),
        ("192.0.2.7/", "invalid PGEO_IPS='192.0.2.7/': expected an address or a network"),
        ("2001:db8::/0064", "invalid PGEO_IPS='2001:db8::/0064': expected an address or a network"),
        ("010.0.0.1", "invalid PGEO_IPS='010.0.0.1'"),
    ],
)
def test_anything_else_is_named(value: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        firewall_policy.peers(value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.one_of(st.text(), st.lists(st.one_of(ENTRIES, st.text(max_size=8))).map(",".join)))
def test_only_addresses_reach_the_rules(value: str) -> None:
    try:
        asked = firewall_policy.from_env({"PGEO_IPS": value}, None)
    except ConfigError:
        return
    for version in (4, 6):
        sources = [line.split(" ")[3] for line in rules.table(version, asked, []).splitlines() if " -s " in line]
        assert all(ipaddress.ip_network(source).version == version for source in sources)
    lines = rules.table(4, asked, []).splitlines()
    assert all(line in ("*filter", "COMMIT") or line[0] == ":" or line.startswith("-A ") for line in lines)


@given(st.lists(ENTRIES, min_size=1))
def test_every_address_given_may_connect(entries: list[str]) -> None:
    asked = firewall_policy.from_env({"PGEO_IPS": " , ".join(entries)}, None)
    text = rules.table(4, asked, []) + rules.table(6, asked, [])
    assert all(f"-A INPUT -s {ipaddress.ip_network(entry)} -j ACCEPT\n" in text for entry in entries)


@pytest.mark.parametrize(
    ("variables", "egress", "explicit"),
    [
        ({}, "open", False),
        ({"PGEO_IPS": ""}, "open", False),
        ({"PGEO_IPS": "192.0.2.7"}, "web", True),
        ({"PGEO_IPS": "192.0.2.7", "EGRESS": "none"}, "none", True),
        ({"PGEO_IPS": "192.0.2.7", "EGRESS": "open"}, "open", True),
        ({"EGRESS": "none"}, "none", True),
        ({"EGRESS": "open"}, "open", True),
    ],
)
def test_egress(variables: dict[str, str], egress: str, explicit: bool) -> None:
    asked = firewall_policy.from_env(variables, None)
    assert (asked.egress, asked.explicit) == (egress, explicit)


@pytest.mark.parametrize("value", ["Web", "all", " web", "none\n"])
def test_another_egress_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="invalid EGRESS=.*: expected one of web, none, open"):
        firewall_policy.from_env({"EGRESS": value}, None)


@pytest.mark.parametrize(
    ("storage", "port"),
    [(None, None), ("https://s3.eu-west-1.amazonaws.com", 443), ("http://10.0.0.1:5000", 5000), ("http://minio", 80)],
)
def test_the_port_of_the_storage(storage: str | None, port: int | None) -> None:
    assert firewall_policy.from_env({}, storage).storage_port == port
