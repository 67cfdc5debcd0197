"""Jupyter's own word on its kernels, on the socket that is the user's alone."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import activity, stranger_limits
from melda.jupyter import service as jupyter
from melda.web import probe
from tornado import web

from tests.unit.melda.servers import serving

WHEN = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)


class Kernels:
    """jupyter_server's manager, as far as it is asked."""

    def list_kernels(self) -> list[dict[str, Any]]:
        return [{"execution_state": state} for state in ("busy", "idle", "busy", "starting")]


class Jupyter(web.Application):
    def last_activity(self) -> datetime.datetime:
        return WHEN


def test_it_answers_on_its_socket_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "SOCKET", str(tmp_path / "jupyter"))

    def make() -> Any:
        return stranger_limits.Server(
            Jupyter([("/api", web.RequestHandler)], kernel_manager=Kernels()), limits=stranger_limits.LIMITS
        )

    with serving(make) as (port, _):
        status, body = probe.get(jupyter.SOCKET, jupyter.ACTIVITY, 10)
        assert (status, json.loads(body)) == (
            200, {"kernels": 4, "busy": 2, "last_activity": WHEN.timestamp(), "pid": os.getpid()}
        )  # fmt: skip
        assert probe.get(("127.0.0.1", port), jupyter.ACTIVITY, 10)[0] == 404


def test_a_kernel_that_is_being_started_is_no_error_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def starting(_: Any) -> None:
        raise ValueError("The 'last_activity' trait expected a datetime, not the NoneType None.")

    monkeypatch.setattr(jupyter, "SOCKET", str(tmp_path / "jupyter"))
    monkeypatch.setattr(Kernels, "list_kernels", starting)

    def make() -> Any:
        return stranger_limits.Server(Jupyter([], kernel_manager=Kernels()), limits=stranger_limits.LIMITS)

    with serving(make):
        assert probe.get(jupyter.SOCKET, jupyter.ACTIVITY, 10)[0] == 503
    assert "expected a datetime" in caplog.text, "whatever it is"
    assert "Traceback" not in caplog.text and "Uncaught" not in caplog.text


def test_other_applications_are_left_alone() -> None:
    async def offer() -> None:
        for other in (web.Application([]), lambda _: None):
            activity.offer(other)

    asyncio.run(offer())


@pytest.mark.parametrize("name", activity.HANDLERS)
def test_only_what_changes_something_is_activity(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    noted: list[str] = []

    class APIHandler:
        def __init__(self, method: str, path: str = "/api/contents/a") -> None:
            self.request = SimpleNamespace(method=method, path=path)

        def update_api_activity(self) -> None:
            noted.append(self.request.method)

    for other in activity.HANDLERS:
        monkeypatch.delitem(sys.modules, other, raising=False)
    activity.install()  # there may be none
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(APIHandler=APIHandler))  # type: ignore[arg-type]
    activity.install()
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
        APIHandler(method).update_api_activity()
    APIHandler("PUT", "/user/ada/lab/api/workspaces/default").update_api_activity()
    assert noted == ["POST", "PUT", "PATCH", "DELETE"]
