"""The Flask application, without a server."""

from __future__ import annotations

import json

import pytest
import version_check_webservice as service
from melda_runtime import health
from melda_runtime.environment import Place
from melda_runtime.versions import Installed


def test_versions_keep_their_order(place: Place) -> None:
    answer = service.application(Installed(place)).test_client().get("/versions")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    pairs = json.loads(answer.data, object_pairs_hook=list)
    assert [name for name, _ in pairs][1:] == ["Python", "R"]
    assert pairs[1][1][0][0] == "Python"


@pytest.mark.parametrize(("mount", "status"), [("ok", 200), ("does not answer", 503)])
def test_healthz(place: Place, monkeypatch: pytest.MonkeyPatch, mount: str, status: int) -> None:
    monkeypatch.setattr(health, "report", lambda _: {"mount": mount})
    answer = service.application(Installed(place)).test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (status, {"mount": mount})
