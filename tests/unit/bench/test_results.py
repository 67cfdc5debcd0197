"""Medians, spreads, targets and the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import measured, table
from bench.alternate import order, samples
from bench.measured import Measured
from bench.results import OURS, Result, Target, spread


def result(targets: list[Target], invalid: str = "") -> Result:
    """Ours takes 4 s (median), the other 10 s."""
    return Result("a build", "s", {OURS: [3.0, 9.0, 4.0], "other": [10.0, 11.0, 5.0]}, targets, invalid)


def test_medians_ratio_and_spread() -> None:
    made = result([])
    assert (made.median(), made.median("other"), made.ratio("other")) == (4.0, 10.0, 0.4)
    assert spread([3.0, 9.0, 4.0]) == 1.5
    assert spread([2.0]) == 0


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(0.4, "other"), True),
        (Target(0.39, "other"), False),
        (Target(4.0), True),
        (Target(3.9), False),
    ],
)
def test_a_limit_itself_is_met_and_what_is_over_it_is_not(target: Target, met: bool) -> None:
    assert result([target]).reached(target) is met


def test_what_does_not_count_meets_nothing() -> None:
    assert not result([], "something changed").reached(Target(1.0, "other"))


def test_one_line_an_alternative_and_one_for_limits_in_the_unit() -> None:
    ratio, limit = table.lines(result([Target(0.3, "other"), Target(4.0)]))
    assert ratio == "| a build | 4.00 s | other: 10.0 s | 0.40 | ≤ 0.3 x | MISSED | 3 | 150%; 60% |"
    assert limit == "| a build | 4.00 s | — | — | ≤ 4 s | met | 3 | 150% |"


def test_an_alternative_without_a_target_is_shown() -> None:
    assert "| 0.40 | — | — |" in table.lines(result([]))[0]


def test_a_result_that_does_not_count_says_why_in_place_of_a_verdict() -> None:
    lines = table.lines(result([Target(1.0, "other"), Target(99)], "ours changed 1"))
    assert all("| INVALID: ours changed 1 |" in line for line in lines)


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    made = Result("a|b", "s", {OURS: [1.0], "other": [1.0]})
    assert table.lines(made)[0].startswith("| a\\|b | ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00 s"), (0.0106, "0.011 s"), (0.456, "0.46 s"), (4.5, "4.50 s"), (41.09, "41.1 s"), (1107.33, "1107 s")],
)
def test_figures_have_as_many_digits_as_they_are_worth(value: float, text: str) -> None:
    assert table.number(value, "s") == text


def row(name: str = "a-row", **facts: str) -> Measured:
    run = {"date": "today", "revision": "abc", "load before": "0.10", "memory": "24 GB"}
    return Measured(name, f"How {name} was done.", run | facts, [result([Target(0.5, "other")])])


def test_the_document_holds_table_notes_and_machine() -> None:
    text = table.markdown([row(), row("b-row", revision="def")])
    head, rule, line = text.splitlines()[5:8]
    assert head.count("|") == rule.count("|") == line.count("|") == len(table.COLUMNS) + 1
    assert "- How a-row was done.\n- How b-row was done." in text
    assert "| a-row | today | abc | 0.10 |\n| b-row | today | def | 0.10 |" in text
    assert text.endswith("## Machine\n\n- memory: 24 GB\n")


def test_rows_of_different_machines_are_told_apart() -> None:
    text = table.markdown([row(), row("b-row", memory="8 GB"), row("c-row")])
    assert text.endswith("## Machine\n\na-row, c-row:\n\n- memory: 24 GB\n\nb-row:\n\n- memory: 8 GB\n")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [row(), row("b-row")]
    (tmp_path / "results.json").write_text(measured.as_text(rows))
    assert list(measured.read(tmp_path / "results.json").values()) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert measured.read(tmp_path / "none.json") == {}


def test_a_run_of_one_row_replaces_that_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "HERE", tmp_path)
    for kept in (row("memory"), row("cold-build"), row("memory", revision="def")):
        command.keep(kept)
    found = measured.read(tmp_path / "results.json")
    assert [(name, one.facts["revision"]) for name, one in found.items()] == [("cold-build", "abc"), ("memory", "def")]
    assert "| memory | today | def | 0.10 |" in (tmp_path / "results.md").read_text()


def test_what_was_given_up_is_told_as_a_bound_and_read_again() -> None:
    given_up = Result("install", "s", {OURS: [5.0], "mount": [90.0], "local": [6.0]}, [], given_up=["mount"])
    mount, local = table.lines(given_up)
    assert "| mount: more than 90.0 s | < 0.06 |" in mount
    assert "| local: 6.00 s | 0.83 |" in local
    assert Result.from_json(json.loads(json.dumps(given_up.as_json()))) == given_up
    old = given_up.as_json()
    del old["given_up"]
    assert Result.from_json(old).given_up == []


def test_json_holds_every_sample_and_the_verdicts() -> None:
    known = json.loads(json.dumps(result([Target(0.5, "other"), Target(1.0)]).as_json()))
    assert known["samples"] == {"ours": [3.0, 9.0, 4.0], "other": [10.0, 11.0, 5.0]}
    assert [target["met"] for target in known["targets"]] == [True, False]
    assert known["ratio"] == {"other": 0.4}


def test_all_take_turns_and_none_always_goes_first() -> None:
    assert list(order(["a", "b"], 3)) == ["a", "b", "b", "a", "a", "b"]
    assert list(order(["a", "b", "c"], 2)) == ["a", "b", "c", "b", "c", "a"]


def test_samples_are_kept_by_name_in_the_order_they_came(capsys: pytest.CaptureFixture[str]) -> None:
    came = iter([1.0, 2.0, 3.0, 4.0])
    assert samples(["a", "b"], lambda name: next(came), 2, "s") == {"a": [1.0, 4.0], "b": [2.0, 3.0]}
    assert "a: 4.00 s" in capsys.readouterr().out
