"""Proxies: written as curl takes them, read by everybody."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import proxies


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("http://proxy.example.org:3128", "http://proxy.example.org:3128"),
        ("proxy.example.org:3128", "http://proxy.example.org:3128"),
        (" proxy ", "http://proxy"),
        ("https://ada:pass%40word@proxy:8080/", "https://ada:pass%40word@proxy:8080/"),
        ("ada:secret@proxy:8080", "http://ada:secret@proxy:8080"),
        ("[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
        ("", ""),
        (" ", " "),
    ],
)
@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_it_has_its_scheme(name: str, value: str, read: str) -> None:
    others = {"no_proxy": "localhost,.example.org", "PROXY": "x y", "npm_config_proxy": "?"}
    assert proxies.filled_in({name: value, **others}) == {name: read, **others}


@pytest.mark.parametrize(
    "value",
    ["socks5://proxy:1080", "http://", "://", "ftp://proxy", "http://proxy:99999", "http://proxy:x", "a b", "http://p/path",
     "\udcff", "p:1" * 40_000,
     "http://ada:CANARY@proxy:99999", "ada:CANARY@proxy/path",
     "http://ada:CANARY#1@proxy:3128", "http://ada:CANARY?1@proxy:3128", "http://ada:CANARY[1@proxy:3128", "ada:CANARY]@proxy",
     "http://ada:1234#CANARY@proxy:3128", "http://1234#CANARY@proxy",
     "http://1.2.3.999:80", "http://ada:CANARY@01.2.3.4", "http://[:::]:3", "http://[1.2]:3", "[1.2.3.4]", "[1::2::3]:3128"],
)  # fmt: skip
def test_another_is_refused_and_its_password_is_not_shown(value: str) -> None:
    with pytest.raises(
        ConfigError,
        match="^invalid https_proxy=.*: expected a proxy such as http://proxy.example.org:3128, with # of a password as %23, .*$",
    ) as no:
        proxies.filled_in({"https_proxy": value})
    assert "CANARY" not in str(no.value)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "localhost",
        ".example.org",
        "*.example.org",
        "proxy:80",
        "http://name",
        "10.0.0.0/8",
        "1.2.3.4",
        "::1",
        "2001:db8::1",
    ],
)
def test_what_is_reached_without_a_proxy(name: str, entry: str) -> None:
    variables = {name: f"example.org, {entry} ,other:80"}
    assert proxies.filled_in(variables) == variables


@pytest.mark.parametrize(
    "entry",
    [
        "[::1]",
        "[::1",
        "fe80::/10",
        "2001:db8::/32",
        "[2001:db8::1]:80",
        "h:x",
        "a:80:90",
        "http://[:::]",
        "\xe9",
        "a\tb",
        70_000 * "x",
    ],
)
def test_what_jupyterlab_does_not_load_with(entry: str) -> None:
    """As httpx 0.28.1 refuses them, whether there is a proxy or not."""
    with pytest.raises(ConfigError, match=r"^invalid no_proxy='.*': expected names, IPv4 ") as no:
        proxies.filled_in({"NO_PROXY": "localhost," + entry})
    assert len(str(no.value)) < 400


def test_where_they_are() -> None:
    variables = {
        "http_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://ada:s%40cret@proxy:3128/",
        "ALL_PROXY": "https://[2001:DB8::1]", "all_proxy": "http://other", "no_proxy": "example.org:99", "HTTP_PROXY": " ",
    }  # fmt: skip
    assert proxies.places(variables) == (("proxy", 3128), ("2001:db8::1", 443), ("other", 80))
    # Compatibility characters, which urllib refuses with the password in its words.
    assert proxies.places({"http_proxy": "http://ada:a\u2100b@Proxy:0"}) == (("proxy", 80),)
