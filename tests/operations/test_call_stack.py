"""tasks/lib/call_stack.py: operations come in the same order as by pyinfra's own look at the stack."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import util

from tasks.lib import call_stack

STATE: Any = SimpleNamespace(current_deploy_filename=__file__, current_op_file_number=3)


@pytest.fixture(autouse=True)
def _pyinfras(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyinfra's own functions, before and after."""
    monkeypatch.setattr(util, "stack", inspect.stack)
    monkeypatch.setattr(util, "getframeinfo", inspect.getframeinfo)


def deeper() -> list[Any]:
    return [util.get_operation_order_from_stack(STATE), util.get_call_location()]


def test_the_same_places() -> None:
    found = []
    for enable in (lambda: None, call_stack.enable):
        enable()
        found.append(deeper())
    before, after = found
    assert before == after
    assert len(before[0]) >= 2, "line numbers of this file are in it"


def test_no_source_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    call_stack.enable()
    monkeypatch.setattr(inspect, "getsourcefile", lambda _: pytest.fail("it is looked for"))
    assert deeper()
