"""The charts: what they show is what was measured, and what lies in the repository is what results.json gives."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import __main__ as command
from bench import charts
from bench.measured import Measured
from bench.results import OURS, Result, Target
from bench.table import number
from builder.errors import BuildError

NS = "{http://www.w3.org/2000/svg}"
BENCH = Path(command.__file__).parent


def drawn(*results: Result) -> ElementTree.Element:
    return ElementTree.fromstring(charts.svg(Measured("row", "", {}, list(results))))


def widths(picture: ElementTree.Element) -> dict[str, float]:
    """Class of each bar -> its width."""
    bars = [bar for bar in picture.iter(f"{NS}rect") if bar.attrib["class"] != "page"]
    return {bar.attrib["class"]: float(bar.attrib["width"]) for bar in bars}


def targets(picture: ElementTree.Element) -> list[float]:
    """Where the targets' lines stand, in parts of the longest bar."""
    lines = [line.attrib for line in picture.iter(f"{NS}line") if line.attrib["class"] == "target"]
    assert all(line["x1"] == line["x2"] for line in lines)
    return [round((float(line["x1"]) - charts.LABELS) / charts.BARS, 2) for line in lines]


def words(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{NS}text")]


def test_bars_are_as_long_as_what_they_show() -> None:
    bars = widths(drawn(Result("a build", "s", {OURS: [5.0], "other <1>": [20.0]})))
    assert bars == {"ours": charts.BARS / 4, "other": charts.BARS}


@pytest.mark.parametrize(("limit", "word", "kind"), [(0.5, "met", "ours"), (0.2, "MISSED", "missed")])
def test_a_target_is_drawn_and_said(limit: float, word: str, kind: str) -> None:
    picture = drawn(Result("a build", "s", {OURS: [5.0], "other": [20.0]}, [Target(limit, "other")]))
    assert f"target ≤ {limit} x other = {number(20 * limit, 's')}: {word}" in words(picture)
    assert word in words(picture) and kind in widths(picture)
    assert targets(picture) == [limit]


def test_each_of_several_targets_is_drawn_and_judged() -> None:
    aims = [Target(0.5, "other"), Target(4.0), Target(30.0)]
    picture = drawn(Result("a build", "s", {OURS: [5.0], "other": [20.0]}, aims))
    output = ["target ≤ 0.5 x other = 10.0 s: met", "target ≤ 4.00 s: MISSED", "target ≤ 30.0 s: met"]
    assert [word for word in words(picture) if word.startswith("target")] == output
    assert "MISSED" in words(picture), "one that is missed is enough"
    assert targets(picture) == [0.33, 0.13, 1.0], "the furthest target is within the picture"


def test_what_does_not_count_says_so() -> None:
    picture = drawn(Result("a build", "s", {OURS: [5.0]}, [Target(9.0)], "ours changed 1"))
    assert {"INVALID", "target ≤ 9.00 s: INVALID"} <= set(words(picture)) and "missed" in widths(picture)
    assert "INVALID" in words(drawn(Result("a build", "s", {OURS: [5.0]}, [], "ours changed 1")))


def test_what_has_no_target_has_no_verdict() -> None:
    assert words(drawn(Result("a build", "s", {OURS: [5.0]}))) == ["a build", "ours", "5.00 s, n = 1"]


def test_the_spread_is_a_line_from_the_fastest_to_the_slowest() -> None:
    picture = drawn(Result("a build", "s", {OURS: [2.0, 8.0, 4.0]}))
    (line,) = [line for line in picture.iter(f"{NS}line") if line.attrib["class"] == "spread"]
    assert float(line.attrib["x2"]) - float(line.attrib["x1"]) == pytest.approx(charts.BARS * 6 / 8, abs=0.2)


def test_an_alternative_that_was_given_up_needs_more() -> None:
    assert "more than 90.0 s, n = 1" in words(drawn(Result("x", "s", {OURS: [1.0], "slow": [90.0]}, given_up=["slow"])))


def committed() -> list[Path]:
    return [BENCH / "results.json", BENCH / "results.md", *(BENCH / "charts").iterdir()]


@pytest.mark.parametrize("picture", sorted((BENCH / "charts").iterdir()), ids=lambda path: path.stem)
def test_figures_stand_beside_the_bars_and_inside_of_the_picture(picture: Path) -> None:
    root = ElementTree.fromstring(picture.read_text())
    page = next(root.iter(f"{NS}rect"))
    size = {"width": root.attrib["width"], "height": root.attrib["height"]}
    assert page.attrib == {"class": "page", **size}, "a background, whatever the theme"
    # Wider than any letter of this font is on average.
    letter, height = 7.2, float(root.attrib["height"])
    for text in root.iter(f"{NS}text"):
        x, width = float(text.attrib["x"]), letter * len(text.text or "")
        left, right = {"start": (x, x + width), "end": (x - width, x)}[text.attrib["text-anchor"]]
        assert left >= 0 and right <= charts.WIDTH and 0 < float(text.attrib["y"]) < height, text.text
    for line in root.iter(f"{NS}line"):
        assert float(line.attrib["x2"]) <= charts.LABELS + charts.BARS < charts.FIGURES


def test_the_page_and_the_charts_are_what_was_measured(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text((BENCH / "results.json").read_text())
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "gone.svg").write_text("")
    command.page(tmp_path)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.*")}
    there = {path.relative_to(BENCH): path.read_text() for path in committed()}
    assert made == there, "run: python -m bench --page"
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (BENCH / "results.md").read_text())
    assert sorted(shown) == sorted(f"charts/{path.name}" for path in (BENCH / "charts").iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no results"),
        ('{"rows": []}', "has no results"),
        ("", "is not what make bench writes"),
        ("[]", "is not what make bench writes"),
        ('{"rows": [{"name": "memory"}]}', "is not what make bench writes"),
    ],
)
def test_a_page_of_nothing_is_refused_and_changes_nothing(tmp_path: Path, text: str | None, said: str) -> None:
    (tmp_path / "charts").mkdir()
    for name in ("results.md", "charts/memory.svg"):
        (tmp_path / name).write_text("as before")
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(BuildError, match=said):
        command.page(tmp_path)
    assert {(tmp_path / name).read_text() for name in ("results.md", "charts/memory.svg")} == {"as before"}


def test_the_command_makes_the_page_without_a_container_engine(tmp_path: Path) -> None:
    # In a copy: what is wrong with it must not reach the repository's own page.
    for part in ("bench", "builder", "tasks", "files", "tests"):
        shutil.copytree(BENCH.parent / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "bench" / "results.md").unlink()
    shutil.rmtree(tmp_path / "bench" / "charts")
    alone = {"PATH": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--page"], cwd=tmp_path, env=alone, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for path in committed():
        assert (tmp_path / "bench" / path.relative_to(BENCH)).read_text() == path.read_text()
    (tmp_path / "bench" / "results.json").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--page"], cwd=tmp_path, env=alone, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "results.json has no results" in done.stderr
