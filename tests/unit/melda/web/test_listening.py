"""Sockets for all addresses: an IPv4 client is seen as one, and IPv6 may be missing."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import Any

import pytest
from melda.web import listening


def test_both_are_listened_on_and_clients_keep_their_addresses() -> None:
    with ExitStack() as opened:
        found = [opened.enter_context(one) for one in listening.public(0, True)]
        port = found[0].getsockname()[1]
        for one, address in zip(found, ("127.0.0.1", "::1"), strict=True):
            opened.enter_context(socket.create_connection((address, port), 5))
            accepted, peer = one.accept()
            opened.enter_context(accepted)
            assert peer[0] == address


def test_ipv4_alone() -> None:
    (found,) = listening.public(0, False)
    with found:
        assert found.family == socket.AF_INET


@pytest.mark.parametrize(("number", "goes_on"), [(errno.EAFNOSUPPORT, True), (errno.EADDRINUSE, False)])
def test_a_kernel_without_ipv6_is_no_reason_to_end(monkeypatch: pytest.MonkeyPatch, number: int, goes_on: bool) -> None:
    create, made = socket.create_server, []

    def server(address: Any, **options: Any) -> socket.socket:
        if options.get("family") == socket.AF_INET6:
            raise OSError(number, "no")
        made.append(create(address, **options))
        return made[-1]

    monkeypatch.setattr(listening.socket, "create_server", server)
    if goes_on:
        assert listening.public(0, True) == made
    else:
        with pytest.raises(OSError, match="no"):
            listening.public(0, True)
        assert made[0].fileno() == -1
    made[0].close()
