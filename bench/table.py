"""The results as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measured import RUNS, Measured
from bench.results import OURS, Result, Target, spread
from builder.markdown import row as line
from builder.markdown import table

COLUMNS = ("what", "ours", "alternative", "ratio", "target", "verdict", "repeats", "spread (ours; alternative)")


def number(value: float, unit: str) -> str:
    """Return a figure with two significant digits or more, and its unit, if it has one."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 or not value else 3
    return f"{value:.{digits}f} {unit}".rstrip()


def verdict(result: Result, targets: Sequence[Target]) -> str:
    """``met`` or ``MISSED`` for each target, or why the numbers do not count; a dash where there is no target."""
    if result.invalid:
        return f"INVALID: {result.invalid}"
    return ", ".join("met" if result.reached(target) else "MISSED" for target in targets) or "—"


def lines(result: Result) -> list[str]:
    """Return the table's lines for one result: one an alternative, and one for limits in the row's own unit."""
    ours = number(result.median(), result.unit)
    made = []
    for name in (name for name in result.samples if name != OURS):
        more, less = ("more than ", "< ") if name in result.given_up else ("", "")
        targets = [target for target in result.targets if target.of == name]
        made.append(
            line(
                result.what,
                ours,
                f"{name}: {more}{number(result.median(name), result.unit)}",
                f"{less}{result.ratio(name):.2f}",
                ", ".join(f"≤ {target.limit:g} x" for target in targets) or "—",
                verdict(result, targets),
                len(result.samples[name]),
                f"{spread(result.samples[OURS]):.0%}; {spread(result.samples[name]):.0%}",
            )
        )
    limits = [target for target in result.targets if not target.of]
    if limits:
        wanted = ", ".join(f"≤ {target.limit:g} {result.unit}".rstrip() for target in limits)
        repeats, ours_spread = str(len(result.samples[OURS])), f"{spread(result.samples[OURS]):.0%}"
        made.append(line(result.what, ours, "—", "—", wanted, verdict(result, limits), repeats, ours_spread))
    return made


def _machines(rows: Sequence[Measured]) -> list[str]:
    """Return the facts of each machine, under the rows that were measured on it."""
    machines: list[tuple[dict[str, str], list[str]]] = []
    for row in rows:
        same = next((names for facts, names in machines if facts == row.machine), None)
        if same is None:
            machines.append((row.machine, [row.name]))
        else:
            same.append(row.name)
    output = []
    for facts, names in machines:
        output += ["", f"{', '.join(names)}:", ""] if len(machines) > 1 else [""]
        output += [f"- {name}: {value}" for name, value in facts.items()]
    return output


def markdown(rows: Sequence[Measured]) -> str:
    """Return the whole of ``bench/results.md``.

    Args:
        rows: in the order of the table.
    """
    head = table(COLUMNS, [])[:2]
    body = [made for row in rows for result in row.results for made in lines(result)]
    runs = table(("row", *RUNS), ([row.name, *(row.facts[name] for name in RUNS)] for row in rows))
    return "\n".join(
        ["# Measurements", "", "Written by `make bench`; every sample is in `results.json`. Medians; less is better;"]
        + ["the spread is (largest - smallest) / median. Each row is one run, ours and the alternatives in turn.", ""]
        + [*head, *body, "", "## Charts", ""]
        + [
            "A bar is the median of n repeats, the line in it goes from the smallest to the largest; dashed are the targets."
        ]
        + [f"\n### {row.name}\n\n![{row.name}](charts/{row.name}.svg)" for row in rows]
        + ["", "## How", ""]
        + [f"- {row.note}" for row in rows]
        + ["", "## When", "", *runs, "## Machine", *_machines(rows), ""]
    )
