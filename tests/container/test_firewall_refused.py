"""A firewall that was asked for and cannot be had stops the start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .services import Service

NET_ADMIN = ("--cap-add", "NET_ADMIN")


@pytest.mark.parametrize("values", [{"PGEO_IPS": "192.0.2.7"}, {"EGRESS": "none"}])
def test_asked_for_and_not_allowed_it_does_not_run_open(serve: Callable[..., Service], values: dict[str, str]) -> None:
    code, lines = serve(**values).ended()
    assert (code, len(lines)) == (1, 2), lines
    assert lines[-1].endswith("and this container may set no firewall: start it with --cap-add NET_ADMIN")


def test_what_is_no_address_stops_the_start(serve: Callable[..., Service]) -> None:
    value = "0.0.0.0/0"
    code, lines = serve(*NET_ADMIN, PGEO_IPS=value).ended()
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(f"invalid PGEO_IPS={value!r}: expected "), lines
