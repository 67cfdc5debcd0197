"""Addresses without what is secret in them, whatever hides it; and which addresses are in the web."""

from __future__ import annotations

import ipaddress
from urllib import parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from melda.base.addresses import hide
from melda.envs import addresses
from melda.envs.addresses import Safe
from melda.envs.errors import UsageError


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://h.example/x.whl", Safe("https://h.example/x.whl")),
        ("HTTPS://H.example:8443/X", Safe("https://h.example:8443/X")),
        ("https://[2001:db8::1]:8/x", Safe("https://[2001:db8::1]:8/x")),
        ("https://u:p@h.example/x.whl?token=1#sha256=ab", Safe("https://h.example/x.whl", "", ("user info", "query"))),
        ("https://token@h.example/x", Safe("https://h.example/x", "", ("user info",))),
        ("https://${USER}:${PASSWORD}@h.example/x", Safe("https://h.example/x", "", ("user info",))),
        ("git+https://:p@h.example/x#subdirectory=a%20b&egg=c", Safe("https://h.example/x", "a b", ("user info",))),
        # Nothing that a person has chosen.
        ("ssh://git@h.example/x", Safe("ssh://h.example/x")),
        ("https://git@h.example/x", Safe("https://h.example/x")),
        ("https://@h.example/x?#", Safe("https://h.example/x")),
        ("ssh://git:p@h.example/x", Safe("ssh://h.example/x", "", ("user info",))),
        ("ssh://ada@h.example/x", Safe("ssh://h.example/x", "", ("user info",))),
        ("git@h.example:a/b.git", Safe("ssh://h.example/a/b.git")),
        ("h.example:/a/b.git", Safe("ssh://h.example/a/b.git")),
        ("ada:p@h.example:a/b.git", Safe("ssh://h.example/a/b.git", "", ("user info",))),
        # What one reader takes for a port or a path, and another for a password.
        ("https://u:12/3@h.example/x", Safe("", "", ("user info",))),
        ("https://u:12#3@h.example/x", Safe("", "", ("user info",))),
        ("https://u:12?3@h.example/x", Safe("", "", ("user info", "query"))),
        ("https://h.example/x?mail=a%40b", Safe("", "", ("user info", "query"))),
        ("https://u:p%40h.example/x", Safe("", "", ("address",))),
        ("https://u%253Ap%2540h.example/x", Safe("", "", ("address",))),
        ("https://h.example/a//u:p@other.example/x", Safe("", "", ("user info",))),
        ("https://h.example/%2525252540x", Safe("", "", ("user info",))),
        ("https://h.example/x%3Ftoken=1", Safe("", "", ("query",))),
        ("https://h.example/x;jsessionid=1", Safe("", "", ("query",))),
        ("https:\\\\u:p@h.example\\x", Safe("", "", ("address",))),
        ("https://h.example\t/x", Safe("", "", ("address",))), ("https://h.example/x y", Safe("", "", ("address",))),
        ("https://h.example:999999/x", Safe("", "", ("address",))), ("https://häuser.example/", Safe("", "", ("address",))),
        ("http://h.example/x", Safe("", "", ("address",))), ("file:///x", Safe("", "", ("address",))),
        ("file:x", Safe("", "", ("address",))), ("C:/x", Safe("", "", ("address",))), ("", Safe("", "", ("address",))),
        ("https://h.example/" + "x" * 2000, Safe("", "", ("address",))),
    ],
)  # fmt: skip
def test_what_may_be_known_of_an_address(url: str, safe: Safe) -> None:
    assert addresses.safe(url) == safe
    assert not addresses.holds_secret(addresses.safe(url).url)


SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12).map("S3cr".__add__)


def shapes(secret: str) -> list[str]:
    """Addresses that hold it: as it is, and encoded, once and twice."""
    found = []
    for one in (secret, parse.quote(secret, safe=""), parse.quote(parse.quote(secret, safe=""), safe="")):
        for scheme in ("https", "http", "ssh", "git+https", "git+ssh", "HTTPS", "ftp"):
            found += [
                f"{scheme}://{one}@h.example/x", f"{scheme}://u:{one}@h.example/x", f"{scheme}://{one}:x@h.example/x",
                f"{scheme}://h.example/x?{one}", f"{scheme}://h.example/x?t={one}#egg=x", f"{scheme}://h.example/x#t={one}",
                f"{scheme}://u%3A{one}%40h.example/x", f"{scheme}://h.example/x%3Ft={one}", f"{scheme}://p/{scheme}://{one}@h/x",
            ]  # fmt: skip
        found += [f"u:{one}@h.example:a/b", f"{one}@h.example:a/b"]
    return found


@given(SECRET)
@example("S3cr12/3")
@example("S3cr#1")
def test_no_secret_is_left_in_an_address(secret: str) -> None:
    for url in shapes(secret):
        found = addresses.safe(url, ("https", "http", "ssh"))
        assert "S3cr" not in parse.unquote(parse.unquote(found.url)), (url, found)
        assert found.dropped or "#t=" in url, url


@given(SECRET.filter(lambda one: not set(one) & set(" '\"")))
def test_no_secret_is_left_in_a_message(secret: str) -> None:
    for url in shapes(secret):
        if "#t=" not in url and not url.startswith("S3cr"):
            for text in (
                url,
                f"'{url}'",
                f"x.txt, line 1: invalid {url!r}",
                f"fatal: unable to access '{url}': 404",
            ):
                assert "S3cr" not in hide(text), text


@pytest.mark.parametrize("text", ["a" * 5000, "x " * 5000, ":" * 5_000_000, "//" * 5_000_000, "%25" * 1_000_000])
def test_whatever_is_sent_is_looked_at_in_no_time(text: str) -> None:
    addresses.holds_secret(text)
    hide(text)
    addresses.safe(text)


@pytest.mark.parametrize("token", ["tk-S3cr3t00-1a2b", "S3cr3t"])
@pytest.mark.parametrize(
    "where", ["https://conda.anaconda.org/t/{}/a/x.conda", "https%3A%2F%2Fconda.anaconda.org%2Ft%2F{}%2Fa"]
)
def test_condas_token_in_a_path_is_hidden(where: str, token: str) -> None:
    url = where.format(token)
    for text in (url, f"invalid {url!r}: no file", f"- {url}::numpy=1|2"):
        assert "S3cr" not in hide(text), hide(text)
    assert "S3cr" not in addresses.safe(url).url and addresses.holds_secret(url)


def test_condas_token_without_a_scheme_is_hidden() -> None:
    assert hide("conda.anaconda.org/t/tk-S3cr3t/a::numpy") == "conda.anaconda.org/t/.../a::numpy"


def test_an_owner_of_one_letter_is_no_token() -> None:
    assert addresses.safe("https://github.com/t/horse").url == "https://github.com/t/horse"
    assert not addresses.holds_secret("https://github.com/t/my-horse/archive/v1.zip")


def test_half_a_word_is_not_shown() -> None:
    assert "S3cr" not in hide("x " * 1990 + "https://u:S3cr" + "x" * 100 + "@h.example/")


@pytest.mark.parametrize(
    "text",
    ["Debian GNU/Linux 12 (bookworm)", "sha256:abc", "a/b@c", "what? a notebook.ipynb", "https://h.example/x#@"[:19]],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert not addresses.holds_secret(text) and hide(text) == text


PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1")
INNER = (
    "168.63.129.16",
    "192.0.0.192",
    "64:ff9b::a83f:8110",
    "127.0.0.1", "127.1.2.3",
    "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "::7f00:1", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "2001:db8::1", "fec0::1", "4000::1",
)  # fmt: skip


@pytest.mark.parametrize(("address", "public"), [*((one, True) for one in PUBLIC), *((one, False) for one in INNER)])
def test_which_addresses_are_in_the_web(address: str, public: bool) -> None:
    assert addresses.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "host",
    [
        "%31%32%37.0.0.1",
        "127%2E0.0.1",
        "localhost%2e",
        "[fe80::1%25eth0]",
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "１２７.0.0.1",
    ],
)
def test_no_spelling_of_this_machine_is_taken(host: str) -> None:
    with pytest.raises(UsageError):
        addresses.check(f"https://{host}/x.whl", "x")


def test_sshs_user_is_put_back() -> None:
    assert addresses.with_git_user("ssh://h.example/x") == "ssh://git@h.example/x"
    assert addresses.with_git_user("https://h.example/ssh://x") == "https://h.example/ssh://x"
