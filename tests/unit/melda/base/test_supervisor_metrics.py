"""What PID 1 writes down for /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.base import supervisor_metrics


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(supervisor_metrics, "_path", "")
    monkeypatch.setattr(supervisor_metrics, "_known", {})
    yield str(tmp_path / "run" / "facts.json")
    supervisor_metrics.keep(str(tmp_path / "none"))


def test_what_is_recorded_is_read(path: str) -> None:
    supervisor_metrics.record("a", 1)
    assert supervisor_metrics.read(path) == {}, "this process keeps none"
    supervisor_metrics.keep(path)
    supervisor_metrics.record("a", 1)
    supervisor_metrics.record("b c", 2.5)
    assert supervisor_metrics.read(path) == {"a": 1.0, "b c": 2.5}
    supervisor_metrics.keep(path)
    assert supervisor_metrics.read(path) == {}, "of an earlier start"


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"a": "x"}', '{"a": null}', "\xff"])
def test_anything_may_lie_there(path: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").write_text(text)
    assert supervisor_metrics.read(str(tmp_path / "odd")) == {}


def test_nothing_fails_with_it(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    supervisor_metrics.keep(str(tmp_path / "file" / "facts.json"))
    supervisor_metrics.record("a", 1)
