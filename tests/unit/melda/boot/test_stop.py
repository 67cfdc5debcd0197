"""How long a stop may take, and what each part of it gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.boot import stop
from melda.config import stop_seconds


def test_dockers_ten_seconds() -> None:
    assert stop.deadlines(10) == (5.0, 6.5, 7.5, 8.8)


@pytest.mark.parametrize("seconds", [10, 11, 30, 120, 3600, 9999])
def test_each_part_ends_after_the_one_before_it_and_all_before_the_kill(seconds: int) -> None:
    found = stop.deadlines(seconds)
    assert list(found) == sorted(found) and found[0] > 0 and len(set(found)) == 4
    assert found[-1] < seconds
    # What is slow is the network: programs end within half a minute, or not at all.
    assert found[1] <= 25 and found[3] - found[1] >= 0.22 * seconds


def last_deadline(monkeypatch: pytest.MonkeyPatch, seconds: int, **how: bool) -> float:
    for module, name in ((stop.sync, "record_interrupted"), (stop.sync, "flush"), (stop.s3fs, "unmount")):
        monkeypatch.setattr(module, name, lambda *_: "")
    monkeypatch.setattr(stop.time, "monotonic", lambda: 1000.0)
    given: list[float] = []
    supervisor: Any = SimpleNamespace(
        set_deadline=given.append, make_room=lambda: True, send_sigterm=lambda _: None, end_unsupervised=lambda: None,
        stop=lambda _: 0, stop_all=lambda spare: None,
    )  # fmt: skip
    settings: Any = SimpleNamespace(stop_seconds=seconds)
    assert stop.shut_down(settings, supervisor, **how) == (0, True)
    assert len(given) == 4
    return given[-1] - 1000.0


def test_all_that_the_platform_gives_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_deadline(monkeypatch, 10) == pytest.approx(8.8)
    assert last_deadline(monkeypatch, 120) == pytest.approx(117.6)


def test_nobody_kills_a_container_that_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_deadline(monkeypatch, 10, unhurried=True) > 100
    assert last_deadline(monkeypatch, 600, unhurried=True) > 500


@pytest.mark.parametrize(("value", "seconds"), [("", 10), ("10", 10), ("120", 120), ("9999", 9999)])
def test_what_is_given(value: str, seconds: int) -> None:
    assert stop_seconds.parse(value) == seconds


@pytest.mark.parametrize("value", ["9", "0", "-10", "1.5", "2m", "10000", " 120", "120\n"])
def test_what_is_no_number_of_seconds(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid STOP_SECONDS="):
        stop_seconds.parse(value)
