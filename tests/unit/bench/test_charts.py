"""The charts: what they show is what was measured, and what lies in the repository is what results.json gives."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import __main__ as command
from bench import charts
from bench.measured import Measured
from bench.results import OURS, Result, Target

NS = "{http://www.w3.org/2000/svg}"
BENCH = Path(command.__file__).parent


def drawn(*results: Result) -> ElementTree.Element:
    return ElementTree.fromstring(charts.svg(Measured("row", "", {}, list(results))))


def widths(picture: ElementTree.Element) -> dict[str, float]:
    """Class of each bar -> its width."""
    return {bar.attrib["class"]: float(bar.attrib["width"]) for bar in picture.iter(f"{NS}rect")}


def words(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{NS}text")]


def test_bars_are_as_long_as_what_they_show() -> None:
    bars = widths(drawn(Result("a build", "s", {OURS: [5.0], "other <1>": [20.0]})))
    assert bars == {"ours": charts.BARS / 4, "other": charts.BARS}


@pytest.mark.parametrize(("limit", "word", "kind"), [(0.5, "met", "ours"), (0.2, "MISSED", "missed")])
def test_a_target_is_drawn_and_said(limit: float, word: str, kind: str) -> None:
    picture = drawn(Result("a build", "s", {OURS: [5.0], "other": [20.0]}, [Target(limit, "other")]))
    assert f"{word}: target {20 * limit:.{1 if limit == 0.5 else 2}f} s" in words(picture)
    assert kind in widths(picture)
    (line,) = [line for line in picture.iter(f"{NS}line") if line.attrib["class"] == "target"]
    assert float(line.attrib["x1"]) == pytest.approx(charts.LABELS + charts.BARS * limit, abs=0.1)


def test_what_does_not_count_says_so() -> None:
    picture = drawn(Result("a build", "s", {OURS: [5.0]}, [Target(9.0)], "ours changed 1"))
    assert any(word.startswith("INVALID") for word in words(picture)) and "missed" in widths(picture)


def test_the_spread_is_a_line_from_the_fastest_to_the_slowest() -> None:
    picture = drawn(Result("a build", "s", {OURS: [2.0, 8.0, 4.0]}))
    (line,) = [line for line in picture.iter(f"{NS}line") if line.attrib["class"] == "spread"]
    assert float(line.attrib["x2"]) - float(line.attrib["x1"]) == pytest.approx(charts.BARS * 6 / 8, abs=0.2)


def test_an_alternative_that_was_given_up_needs_more() -> None:
    assert "more than 90.0 s" in words(drawn(Result("x", "s", {OURS: [1.0], "slow": [90.0]}, given_up=["slow"])))


def test_the_page_and_the_charts_are_what_was_measured(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text((BENCH / "results.json").read_text())
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "gone.svg").write_text("")
    command.page(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.*")}
    there = [BENCH / "results.json", BENCH / "results.md", *(BENCH / "charts").iterdir()]
    assert made == {path.relative_to(BENCH): path.read_text() for path in there}, "run: python -m bench --page"
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (BENCH / "results.md").read_text())
    assert sorted(shown) == sorted(f"charts/{path.name}" for path in (BENCH / "charts").iterdir())
