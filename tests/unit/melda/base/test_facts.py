"""What PID 1 writes down for /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.base import facts


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(facts, "_path", "")
    monkeypatch.setattr(facts, "_known", {})
    yield str(tmp_path / "run" / "facts.json")
    facts.keep(str(tmp_path / "none"))


def test_what_is_recorded_is_read(path: str) -> None:
    facts.record("a", 1)
    assert facts.read(path) == {}, "this process keeps none"
    facts.keep(path)
    facts.record("a", 1)
    facts.record("b c", 2.5)
    assert facts.read(path) == {"a": 1.0, "b c": 2.5}
    facts.keep(path)
    assert facts.read(path) == {}, "of an earlier start"


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"a": "x"}', '{"a": null}', "\xff"])
def test_anything_may_lie_there(path: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").write_text(text)
    assert facts.read(str(tmp_path / "odd")) == {}


def test_nothing_fails_with_it(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    facts.keep(str(tmp_path / "file" / "facts.json"))
    facts.record("a", 1)
