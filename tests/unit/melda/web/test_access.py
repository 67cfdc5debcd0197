"""Who may be told what is installed."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest
from melda.web import access
from tornado.httputil import HTTPHeaders

TOKEN = "s3cret"
PEERS = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32"))


def asks(peer: str = "198.51.100.9", token: str = "", **headers: str) -> access.Asker:
    return access.Asker(peer, HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()}), token)


@pytest.mark.parametrize(
    "asker",
    [
        asks(token=TOKEN), asks(Authorization=f"token {TOKEN}"), asks(Authorization=f"Bearer  {TOKEN} "),
        asks(authorization=f"TOKEN {TOKEN}", Origin="https://evil.example", Sec_Fetch_Site="cross-site"),
    ],
)  # fmt: skip
def test_whoever_has_the_token_from_anywhere(asker: access.Asker) -> None:
    assert access.refusal(asker, TOKEN, None) == ""
    assert access.refusal(asker, "another", None) != ""
    assert access.refusal(asker, "", None) != "", "no token is no token that fits"


@pytest.mark.parametrize(
    "asker",
    [
        asks(), asks(token="wrong"), asks(token=TOKEN[:-1]), asks(Authorization=TOKEN), asks(Authorization=f"Basic {TOKEN}"),
        asks(Authorization="token"), asks(Authorization="token "), asks(token="ä\ud800"), asks(peer="nonsense"), asks(peer=""),
    ],
)  # fmt: skip
def test_a_stranger_is_told_what_to_send(asker: access.Asker) -> None:
    output = access.refusal(asker, TOKEN, None)
    assert "Authorization: token TOKEN" in output and TOKEN not in output
    assert "PGEO_IPS" in access.refusal(asker, "", PEERS)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine(peer: str) -> None:
    assert access.refusal(asks(peer), TOKEN, None) == access.refusal(asks(peer), "", None) == ""


@pytest.mark.parametrize(
    ("peer", "may"), [("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("2001:db8::9", True), ("192.0.3.7", False)]
)
def test_those_in_pgeo_ips(peer: str, may: bool) -> None:
    assert (access.refusal(asks(peer), "", PEERS) == "") is may
    assert access.refusal(asks(peer), "", None) != ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Host": "127.0.0.1:2310"}, {"Origin": "null", "Host": "127.0.0.1:2310"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Host": "rebound.evil.example:2310"},
        {"Host": "evil.example"}, {"Host": "evil.example."}, {"Host": "[::1"}, {"Origin": "http://[", "Host": "x"},
    ],
)  # fmt: skip
def test_a_page_of_somebody_elses_does_not_borrow_an_address(headers: dict[str, str]) -> None:
    for peer in ("127.0.0.1", "192.0.2.7"):
        assert "page" in access.refusal(asks(peer, **headers), TOKEN, PEERS)
        assert "page" in access.refusal(asks(peer, **headers), "", PEERS)


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Host": "127.0.0.1:2310"}, {"Host": "localhost:2310"}, {"Host": "[::1]:2310"}, {"Host": "melda-jupyter:2310"},
        {"Host": "172.17.0.2:2310", "Origin": "http://172.17.0.2:2310"}, {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin"}, {"Host": socket.gethostname() + ":2310"},
    ],
)  # fmt: skip
def test_programs_and_its_own_address_are_no_page(headers: dict[str, str]) -> None:
    assert access.refusal(asks("127.0.0.1", **headers), TOKEN, None) == ""


def test_the_tokens_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert access.read_token(str(path)) == access.read_token("") == ""
    path.write_text(f"{TOKEN}\n")
    assert access.read_token(str(path)) == TOKEN
    path.write_bytes(b"\xff")
    assert access.read_token(str(path)) == ""


@pytest.mark.parametrize(
    ("path", "token"), [("/api", ""), ("/api?token=a%2Bb", "a+b"), ("/api?x=1&token=t#", "t#"), ("/api?nottoken=x", "")]
)
def test_a_token_in_a_path(path: str, token: str) -> None:
    assert access.in_query(path) == token
