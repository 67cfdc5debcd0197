from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.fakes import serve


def test_a_directory_is_served_and_requests_are_logged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with serve.Server(tmp_path) as server:
        assert urlopen(server.url + "/file").read() == b"text"
        with pytest.raises(HTTPError):
            urlopen(server.url + "/none")
    assert server.requests == [("GET", "/file", 200), ("GET", "/none", 404)]


def test_the_port_is_free_afterwards(tmp_path: Path) -> None:
    with serve.Server(tmp_path) as server:
        url = server.url
    with pytest.raises(OSError):
        urlopen(url)


@pytest.mark.parametrize(
    "config, address",
    [
        ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
        ([{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.9"}], "172.17.0.9"),
        ([{"Subnet": "fd00:1::/64"}, {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}], "172.18.0.1"),
    ],
)
def test_gateway_of_a_network(config: list[dict[str, str]], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, json.dumps([{"IPAM": {"Config": config}}]))
    assert serve.gateway("melda-test-net") == address


def test_no_ipv4_network_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, json.dumps([{"IPAM": {"Config": None}}]))
    with pytest.raises(LookupError, match="'host' has no IPv4 subnet"):
        serve.gateway("host")


def test_an_unknown_network_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, "[]", 1, "Error: No such network: none")
    with pytest.raises(LookupError, match="'none': Error: No such network"):
        serve.gateway("none")


def _answer(monkeypatch: pytest.MonkeyPatch, stdout: str, code: int = 0, stderr: str = "") -> None:
    def run(*arguments: Any, **options: Any) -> CompletedProcess[str]:
        return CompletedProcess(arguments, code, stdout, stderr)

    monkeypatch.setattr("tests.fakes.serve.subprocess.run", run)
