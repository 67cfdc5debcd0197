"""The lines at the end of a run with several hosts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.lib.summary import Summary


class Meta:
    """What pyinfra knows of one operation on one host."""

    def __init__(self, changed: bool, succeeded: bool = True) -> None:
        self.changed, self.succeeded = changed, succeeded

    def did_succeed(self, _raise_if_not_complete: bool = True) -> bool:
        return self.succeeded

    def did_change(self) -> bool:
        return self.changed


class Host:
    """By its name, as pyinfra's are."""

    def __init__(self, name: str) -> None:
        self.name = name


A, B, C = Host("a"), Host("b"), Host("c")


def state(ran: dict[Host, list[Meta]], failed: set[Host], activated: set[Host], executing: bool = True) -> Any:
    ops = {
        host: {number: SimpleNamespace(operation_meta=meta) for number, meta in enumerate(metas)}
        for host, metas in ran.items()
    }
    return SimpleNamespace(
        inventory=[A, B, C], ops=ops, failed_hosts=failed, activated_hosts=activated, is_executing=executing,
        get_op_meta=lambda _: SimpleNamespace(names={"Apt | Install it"}),
    )  # fmt: skip


def test_how_each_host_fared() -> None:
    found = Summary()
    run = state(
        {A: [Meta(True), Meta(False), Meta(True, succeeded=False)], B: [Meta(True), Meta(False)]}, {A, C}, {A, B}
    )
    found.operation_host_error(run, A, "hash")
    assert found.lines(run) == [
        "--> Hosts:",
        '[a] failed in "Apt | Install it"; 1 changed, 1 as they were',
        "[b] 1 changed, 1 as they were",
        "[c] was not reached",
    ]


def test_one_host_needs_no_summary() -> None:
    assert Summary().lines(state({A: [Meta(True)]}, set(), {A})) == []
    assert Summary().lines(state({}, set(), {A, B}, executing=False)) == []


def test_a_refusal_of_one_before_anything_ran() -> None:
    found = Summary()
    found.failures["a"] = "refused, nothing changed: x"
    assert found.lines(state({}, {A}, {A, B}, executing=False))[1:] == [
        "[a] refused, nothing changed: x",
        "[b] not touched",
    ]


def test_it_is_said_when_the_last_host_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    found, run = Summary(), state({A: [], B: []}, set(), {A, B})
    with caplog.at_level("INFO", "pyinfra"):
        found.host_disconnect(run, A)
        assert caplog.text == ""
        found.host_disconnect(run, B)
    assert [record.getMessage() for record in caplog.records] == [
        "--> Hosts:", "[a] 0 changed, 0 as they were", "[b] 0 changed, 0 as they were"
    ]  # fmt: skip
