"""What Prometheus is told: numbers, in its own format, and no name of the user's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import melda
import pytest
from flask.testing import FlaskClient
from melda.base import supervisor_metrics
from melda.boot import health, metrics
from melda.boot import version_check_webservice as service
from melda.config import secret_files
from melda.config.environ import ImageLayout
from melda.plugins import state
from melda.sync.in_bucket.generations import Archive
from melda.sync.on_disk import local_index
from melda.versions.libraries import Installed
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.melda.boot.test_version_check_webservice import STRANGER, going_on

ROOT = Path(__file__).resolve().parents[4]
HEALTHY = {"version": "1", "jupyter": "ok", "mount": "ok", "dbus": "not installed", "plugins": "saved at 10:00:00 UTC"}
SEEN = {
    "kernels": 3, "busy_kernels": 1, "cpu": 0.5, "installing": "pip install /home/melda/hush", "packages": "saved",
    "terminals": 2, "ssh": 1, "active": [], "installs": 4, "idle_seconds": 4.5,
}  # fmt: skip


def values(text: bytes) -> dict[str, float]:
    """Each sample, by its name and its labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[sample.name + (f"[{labels}]" if labels else "")] = sample.value
    return found


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        supervisor_metrics, "read", lambda: {"start_seconds": 2.5, "mount_seconds": 0.03, "restarts dbus": 2.0}
    )
    monkeypatch.setattr(
        metrics.release, "distribution", lambda: ("Debian 12", metrics.release.datetime.date(2028, 6, 30))
    )
    monkeypatch.setattr(metrics.memory, "used", lambda: 100)
    monkeypatch.setattr(metrics.memory, "limit", lambda: None)
    monkeypatch.setattr(state, "STATE", str(tmp_path / "none"))


@pytest.mark.usefixtures("known")
def test_the_numbers(tmp_path: Path) -> None:
    written = local_index.NOTHING._replace(parts={"a": Archive("0", 70, 1), "b": Archive("0", 30, 1)})
    local_index.write(written, str(tmp_path / "R-4.2.2.json"))
    archived = metrics.Archived(str(tmp_path))
    text = metrics.text(metrics.collect(HEALTHY, SEEN, archived))
    found = values(text)
    assert b"hush" not in text and b"home" not in text
    expected = {
        f"melda_info[Debian 12,{melda.__version__}]": 1, "melda_healthy[mount]": 1, "melda_healthy[dbus]": 1,
        "melda_sync_state[saved]": 1, "melda_sync_state[failed]": 0, "melda_service_restarts_total[dbus]": 2,
        "melda_kernels[busy]": 1, "melda_kernels[idle]": 2, "melda_start_seconds": 2.5, "melda_mount_ok": 1,
        "melda_installs_total": 4,
        "melda_mount_seconds": 0.03, "melda_sync_bytes": 100, "melda_processors": 0.5, "melda_installing": 1,
        "melda_terminals": 2, "melda_ssh_connections": 1, "melda_idle_seconds": 4.5, "melda_memory_bytes": 100,
        "melda_support_ends_timestamp_seconds": 1845936000,
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert "melda_memory_limit_bytes" not in found, "there is none"
    (tmp_path / "R-4.2.2.json").unlink()
    assert archived.size() == 0


@pytest.mark.usefixtures("known")
def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    bad = {**HEALTHY, "mount": "does not answer", "plugins": "failed: x"}
    found = values(metrics.text(metrics.collect(bad, {}, metrics.Archived(str(tmp_path)))))
    assert "melda_healthy[data]" not in found, "there is no DATA_BUCKET"
    assert (found["melda_mount_ok"], found["melda_sync_state[failed]"], found["melda_healthy[mount]"]) == (0, 1, 0)
    assert not [name for name in found if name.startswith(("melda_kernels", "melda_idle", "melda_installing"))]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("answer", "well"), [("ok", 1), ("does not answer for 40 s", 0)])
def test_the_state_of_data(answer: str, well: int) -> None:
    found = values(metrics.text(metrics.collect({**HEALTHY, "data": answer}, SEEN, metrics.Archived("/none"))))
    assert found["melda_healthy[data]"] == well


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("saving", "saving"),
        ("restoring", "restoring"),
        (state.LOCAL, "local"),
        ("saved; left out", "saved"),
        ("", "restoring"),
    ],
)
def test_stages(line: str, stage: str) -> None:
    assert metrics.stage(line) == stage


@pytest.mark.usefixtures("known")
def test_they_are_for_who_may_use_the_notebook(
    place: ImageLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "report", lambda _: HEALTHY)
    path = tmp_path / "token"
    path.write_text("s3cret")
    application = service.application(Installed(place), {secret_files.COPY: str(path)}, going_on(**SEEN))
    client: FlaskClient = application.test_client()
    assert client.get("/metrics", environ_base=STRANGER).status_code == 403
    answer = client.get("/metrics", environ_base=STRANGER, headers={"Authorization": "Bearer s3cret"})
    assert answer.status_code == 200 and answer.content_type == service.METRICS
    assert values(answer.data)["melda_kernels[busy]"] == 1


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel.get("targets", [])]


@pytest.mark.usefixtures("known")
def test_the_dashboard_asks_for_metrics_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics.memory, "limit", lambda: 200)
    monkeypatch.setattr(state, "STATE", str(tmp_path))
    there = {
        name.partition("[")[0]
        for name in values(metrics.text(metrics.collect(HEALTHY, SEEN, metrics.Archived("/none"))))
    }
    board = json.loads((ROOT / "deployments" / "grafana-dashboard.json").read_text())
    asked = {name for panel in board["panels"] for text in expressions(panel) for name in metrics_in(text)}
    assert asked == there - {"melda_terminals", "melda_ssh_connections"}


def metrics_in(text: str) -> list[str]:
    return re.findall(r"\bmelda_[a-z_]+", text)
