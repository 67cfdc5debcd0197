"""Which pages may use Jupyter: what their browser says of them, and what ALLOWED_ORIGINS says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.addresses import hide
from melda.base.errors import ConfigError
from melda.config import origins

HOST = {"Host": "192.0.2.5:8888"}
OWN = "http://192.0.2.5:8888"
EVIL = "http://evil.example.org"
ALLOWED = ("https://notebooks.example.org", "http://10.0.0.7:8080")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", ()),
        (" ", ()),
        ("https://notebooks.example.org", ("https://notebooks.example.org",)),
        ("HTTPS://Notebooks.Example.org:443, http://a:80", ("https://notebooks.example.org", "http://a")),
        ("https://a:80,http://a:443,http://a:08080", ("https://a:80", "http://a:443", "http://a:8080")),
        ("https://a,https://A:443", ("https://a",)),
        ("http://[2001:DB8:0::1]:8080,http://192.0.2.7", ("http://[2001:db8::1]:8080", "http://192.0.2.7")),
    ],
)
def test_origins_as_browsers_write_them(value: str, found: tuple[str, ...]) -> None:
    assert origins.parse(value) == found


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "https://*",
        "https://*.example.org",
        "null",
        "example.org",
        "//example.org",
        "ftp://example.org",
        "file://",
        "https://",
        "https://a/",
        "https://a/path",
        "https://a?b",
        "https://a#b",
        "https://user@a",
        "https://user:password@a",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:x",
        "https://a b",
        "https://a\nb",
        "https://é.example",
        "http://[::1",
        "http://[1]",
        "http://192.0.2.256",
        "http://::1",
        "https://a;https://b",
        "a\0",
    ],
)
def test_what_is_none_is_refused_and_named(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        origins.parse("https://right.example," + value)
    assert str(refused.value).startswith(f"invalid ALLOWED_ORIGINS={hide(value.strip())!r}: expected origins such as")


@pytest.mark.parametrize("value", [",", "https://a,", "https://a,,https://b"])
def test_an_empty_entry_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="invalid ALLOWED_ORIGINS=''"):
        origins.parse(value)


@given(st.text())
def test_what_is_taken_stays_as_it_is(value: str) -> None:
    try:
        found = origins.parse(value)
    except ConfigError:
        return
    assert origins.parse(",".join(found)) == found


def foreign(headers: dict[str, str], path: str = "/api/kernels", asks: bool = False) -> str | None:
    return origins.foreign(path, {**HOST, **headers}, ALLOWED, asks)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("name", ["Origin", "Sec-Websocket-Origin"])
@pytest.mark.parametrize(
    "page",
    [
        EVIL,
        "null",
        "",
        "http://192.0.2.5",
        "http://192.0.2.5:8080",
        "http://x@192.0.2.5:8888",
        "http://192.0.2.5:8888.evil",
        OWN + "," + EVIL,
        OWN + "/",
        "chrome-extension://abc",
        "file://",
        "https://notebooks.example.org:8443",
        "http://notebooks.example.org",
        "http://192.0.2.5:8888\n",
    ],
)
def test_an_origin_of_anothers(name: str, page: str, asks: bool) -> None:
    assert foreign({name: page}, asks=asks) == page
    # What else a browser says makes it no better.
    assert foreign({name: page, "Sec-Fetch-Site": "same-origin", "Referer": OWN + "/tree"}, asks=asks) == page


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("page", [OWN, "HTTP://192.0.2.5:8888", "https://192.0.2.5:8888", *ALLOWED])
def test_its_own_page_and_one_that_is_named(page: str, asks: bool) -> None:
    assert foreign({"Origin": page, "Sec-Fetch-Site": "cross-site", "Referer": EVIL}, asks=asks) is None


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("Host.example", "http://host.example"),
        ("host.example:80", "http://host.example"),
        ("host.example", "https://host.example:443"),
        ("host.example:443", "https://host.example"),
        ("[::1]:8888", "http://[::1]:8888"),
    ],
)
def test_a_port_that_is_the_schemes_own_is_none(host: str, page: str) -> None:
    assert origins.foreign("/", {"Host": host, "Origin": page}, (), False) is None


@pytest.mark.parametrize("host", ["", "x y", "a,b"])
def test_without_a_host_nothing_is_its_own(host: str) -> None:
    assert origins.foreign("/", {"Host": host, "Origin": f"http://{host}"}, (), False) is not None
    assert origins.foreign("/", {"Origin": EVIL}, (), False) == EVIL


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({}, None),
        ({"Sec-Fetch-Site": "none"}, None),
        ({"Sec-Fetch-Site": "same-origin"}, None),
        ({"Sec-Fetch-Mode": "cors"}, None),  # Node's fetch
        ({"Sec-Fetch-Site": "same-site"}, "one of same-site"),
        ({"Sec-Fetch-Site": "cross-site"}, "one of cross-site"),
        ({"Referer": EVIL + "/a?b"}, EVIL),
        ({"Referer": EVIL, "Sec-Fetch-Site": "cross-site"}, EVIL),
        ({"Referer": OWN + "/tree", "Sec-Fetch-Site": "same-origin"}, None),
        (
            {"Referer": OWN + "/files/a.html", "Sec-Fetch-Site": "cross-site"},
            None,
        ),  # a picture in a file that is shown in a sandbox
        ({"Referer": ALLOWED[0] + "/x", "Sec-Fetch-Site": "cross-site"}, None),
        ({"Referer": "about:blank"}, "about:blank"),
    ],
)
def test_a_get_has_no_origin(headers: dict[str, str], page: str | None) -> None:
    assert foreign(headers) == page
    assert foreign(headers, asks=True) is None, "then it is Jupyter that looks after it"


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("path", ["/terminals/new", "/terminals/new/", "/base/terminals/new/name"])
def test_a_get_that_changes_something(path: str, asks: bool) -> None:
    for headers in (
        {},
        {"Sec-Fetch-Site": "none"},
        {"Referer": EVIL},
        {"Referer": OWN, "Sec-Fetch-Site": "cross-site"},
    ):
        assert foreign(headers, path, asks) is not None, headers
    for headers in ({"Referer": OWN + "/tree"}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": OWN}):
        assert foreign(headers, path, asks) is None, headers
    assert foreign({}, "/terminals/newest", asks) is None
