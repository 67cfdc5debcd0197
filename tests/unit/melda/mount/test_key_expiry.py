"""Keys that expire are said to, in time; those that do not are not mentioned."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from melda.config.bucket import Bucket, Credentials
from melda.mount import key_expiry

TEMPORARY = Credentials("KEY", "CANARY", "CANARY-SESSION")


class Supervisor:
    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], Any]]] = []

    def call_later(self, seconds: float, action: Callable[[], Any]) -> None:
        self.timers.append((seconds, action))


@pytest.fixture
def said(
    project: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, Supervisor]]:
    monkeypatch.setattr(key_expiry, "time", SimpleNamespace(time=lambda: 1000.0))

    def say(**given: Any) -> tuple[str, Supervisor]:
        supervisor = Supervisor()
        key_expiry.announce(project._replace(**given), supervisor)  # type: ignore[arg-type]
        return capsys.readouterr().err, supervisor

    return say


def test_the_end_is_said_now_and_before_it_comes(said: Any, capsys: pytest.CaptureFixture[str]) -> None:
    err, supervisor = said(credentials=TEMPORARY, expires=1000.0 + 3600)
    assert "the keys for S3 expire at 1970-01-01T01:16:40Z" in err and "CANARY" not in err
    assert [seconds for seconds, _ in supervisor.timers] == [2700.0, 3540.0]
    for _, action in supervisor.timers:
        assert action() is None, "once"
    first, second = capsys.readouterr().err.splitlines()
    assert "expire in 15 min" in first and "expire in 1 min" in second


def test_too_late_for_one_of_them(said: Any) -> None:
    assert [seconds for seconds, _ in said(credentials=TEMPORARY, expires=1100.0)[1].timers] == [40.0]


def test_an_end_that_nobody_knows_is_said(said: Any) -> None:
    err, supervisor = said(credentials=TEMPORARY)
    assert key_expiry.UNKNOWN.format(lost=key_expiry.SAVED) in err and not supervisor.timers


@pytest.mark.parametrize("given", [{}, {"role": "ecs", "credentials": TEMPORARY}])
def test_keys_that_last(said: Any, given: dict[str, Any]) -> None:
    err, supervisor = said(**given)
    assert (err, supervisor.timers) == ("", [])
