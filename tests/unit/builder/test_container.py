"""builder/container.py: ports and variables, before anything is started."""

from __future__ import annotations

import socket

import pytest

from builder import container
from builder.errors import Refused


@pytest.mark.parametrize("port", ["0", "65536", "http", "", "-1", "80 80"])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(Refused, match=rf"^PORT={port} is not right: it must be a number from 1 to 65535$"):
        container.check_port(port)


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"^PORT={port} is not free \(Address already in use\): choose another one"):
            container.check_port(str(port))
    container.check_port(str(port))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in container.PASSED:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_token_is_made_each_time(bare: pytest.MonkeyPatch) -> None:
    first, second = container.environment(), container.environment()
    assert set(first) == {"JUPYTER_TOKEN"}
    assert first != second
    assert len(first["JUPYTER_TOKEN"]) == 48


def test_variables_of_the_contract_are_passed_on(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("BUCKET_NAME", "b")
    bare.setenv("HOME_OF_SOMETHING", "x")
    bare.setenv("JUPYTER_TOKEN", "mine")
    assert container.environment() == {"BUCKET_NAME": "b", "JUPYTER_TOKEN": "mine"}


def test_with_pgeo_ips_there_is_no_token(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("PGEO_IPS", "192.0.2.1")
    assert container.environment() == {"PGEO_IPS": "192.0.2.1"}


def test_a_variable_of_two_lines_is_refused(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("SSH_AUTHORIZED_KEYS", "a\nb")
    with pytest.raises(Refused, match="^SSH_AUTHORIZED_KEYS is not right: it must be one line"):
        container.environment()
