"""What the page shows of the container: one sentence for each thing that people should know, and else nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import requests
from melda.jupyter import status
from tornado import web
from tornado.httpserver import HTTPServer

from tests.unit.melda.servers import serving

NOW = 1_700_000_000.0  # 22:13:20 UTC
WELL = {"jupyter": "ok", "mount": "ok", "dbus": "ok", "plugins": "saved at 12:00:00 UTC", "version": "1"}


def shown(found: dict[str, str], waited: float = 0.0, changed: float = 0.0) -> dict[str, str]:
    return {notice["id"]: notice["text"] for notice in status.notices({**WELL, **found}, waited, NOW, changed)}


@pytest.mark.parametrize(
    "found", [{}, {"data": "ok"}, {"mount": "is not watched"}, {"plugins": "not kept"}, {"upgrade": "2 packages"}]
)
def test_nothing_is_shown_where_all_is_well(found: dict[str, str]) -> None:
    assert shown(found) == {}


@pytest.mark.parametrize(
    ("found", "waited", "changed", "name", "parts"),
    [
        ({"mount": "does not answer"}, 0, NOW - 60, "storage", ["does not answer since 22:12:20 UTC. Nothing", "Keep"]),
        ({"mount": "does not answer"}, 80, NOW - 60, "storage", ["since 22:12:00 UTC"]),
        ({"mount": "fails: AccessDenied"}, 0, NOW, "storage", ["storage fails since 22:13:20 UTC (AccessDenied)."]),
        ({}, 20, NOW, "storage", ["has been working on a file since 22:13:00 UTC"]),
        ({"data": "does not answer"}, 0, 0, "data", ["storage of /data does not answer. What reads there waits"]),
        ({"data": "fails: it is not mounted"}, 0, 0, "data", ["storage of /data fails."]),
        ({"memory": "1 process killed"}, 0, 0, "memory", ["1 process killed", "lost its variables"]),
        ({"plugins": "failed: no bucket"}, 0, 0, "packages", ["not saved (failed: no bucket)"]),
        ({"plugins": "restoring 2 of 5"}, 0, 0, "packages", ["restored"]),
        ({"plugins": "saving"}, 0, 0, "packages", ["do not stop"]),
        ({"upgrade": "installing, 2 of 5"}, 0, 0, "upgrade", ["carried over", "2 of 5"]),
        ({"fork": "waiting"}, 0, 0, "fork", ["another project"]),
    ],
)
def test_one_sentence_each(found: dict[str, str], waited: float, changed: float, name: str, parts: list[str]) -> None:
    notices = shown(found, waited, changed)
    assert list(notices) == [name]
    assert all(part in notices[name] for part in parts), notices


def test_a_call_that_takes_as_long_as_calls_do_is_nothing() -> None:
    assert shown({}, status.SLOW) == {}


def test_a_service_that_does_not_answer_shows_nothing(tmp_path: Path) -> None:
    assert status.health(str(tmp_path / "nobody")) == {}


class APIHandler(web.RequestHandler):
    """Jupyter's."""

    def get_current_user(self) -> Any:
        return "melda" if "Authorization" in self.request.headers else None

    def get_login_url(self) -> str:
        raise web.HTTPError(403)


def test_it_answers_those_whom_jupyter_lets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(status.HANDLERS)
    vars(module)["APIHandler"] = APIHandler
    monkeypatch.setitem(sys.modules, status.HANDLERS, module)
    monkeypatch.setattr(status, "health", lambda: {"memory": "1 process killed"})
    monkeypatch.setattr(status, "MOUNT_STATE", "/nowhere")

    def make() -> Any:
        application = web.Application([], base_url="/user/ada/")
        status.offer(application)
        return application

    with serving(lambda: HTTPServer(make())) as (port, _):
        url = f"http://127.0.0.1:{port}/user/ada/melda-jupyter/status"
        assert requests.get(url, timeout=10).status_code == 403
        answer = requests.get(url, timeout=10, headers={"Authorization": "token x"})
        assert [notice["id"] for notice in answer.json()["notices"]] == ["memory"]


def test_other_applications_are_left_alone() -> None:
    for other in (SimpleNamespace(), lambda _: None):
        status.offer(other)


def test_the_extension_asks_where_it_answers() -> None:
    folder = Path(__file__).resolve().parents[4] / "files" / "jupyter" / "labextension"
    package = json.loads((folder / "package.json").read_text())
    script = (folder / package["jupyterlab"]["_build"]["load"]).read_text()
    assert f'"{status.PATH}"' in script
    assert f'window._JUPYTERLAB["{package["name"]}"]' in script
