"""What is no host, and what a message shows of a refused value; for one in a text see tests/unit/melda/envs/test_addresses.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base import addresses


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", True), ("proxy", True), ("1.2.3", True), ("1.2.3.4.5", True), ("10-0-0-256", True), ("10.0.0.255", True),
        ("[::1]", True), ("[2001:DB8::1]", True), ("[::ffff:192.0.2.1]", True),
        ("10.0.0.256", False), ("01.2.3.4", False), ("1.2.3.1234", False), ("[:::]", False), ("[1.2]", False),
        ("[1.2.3.4]", False), ("[1::2::3]", False), ("[]", False),
    ],
)  # fmt: skip
def test_what_is_written_as_an_ip_address_is_one(text: str, right: bool) -> None:
    assert addresses.is_host(text) == right


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://ada:S3 cr3t@proxy.example.org:99999", "http://...@proxy.example.org:99999"),
        ("ada:S3 cr3t@proxy:x", "...@proxy:x"),
        ("ada:S3\ncr3t@proxy:x", "...@proxy:x"),
        ("ada:S3 //cr3t@proxy", "...@proxy"),
        ("http://S3 cr3t%2540proxy", "http://...@proxy"),
        ("ada%3AS3 cr3t%40proxy", "...@proxy"),
        ("http://a@S3 cr3t@proxy", "http://...@proxy"),
        ("https://host.example/x y?token=S3 cr3t", "https://host.example/x y?..."),
        ("https://host.example/x y;S3 cr3t", "https://host.example/x y?..."),
        ("https://host.example/x%253Ftoken=S3 cr3t", "https://host.example/x?..."),
        ("host.example/x?token=S3 cr3t", "host.example/x?..."),
        ("http://ada:S3 cr3t@proxy/?token=S3 cr3t", "http://...@proxy/?..."),
    ],
)
def test_a_blank_ends_no_secret(value: str, shown: str) -> None:
    assert addresses.shown(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        "proxy:x",
        "socks5://proxy:1080",
        "users/ada@example.org/a b",
        "ssh-rsa AAAA ada@host",
        "0.0.0.0/0; x",
        "a b",
        "100%",
    ],
)
def test_what_holds_none_is_shown_whole(value: str) -> None:
    assert addresses.shown(value) == value


@given(st.sampled_from(["http://", "//", "", "ada:"]), st.text(), st.text())
def test_a_password_of_any_characters(begin: str, before: str, after: str) -> None:
    assert "S3cr3t" not in addresses.shown(f"{begin}ada:{before}S3cr3t{after}@proxy")
