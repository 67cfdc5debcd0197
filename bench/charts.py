"""The results as pictures: one SVG a row, a bar for ours and for each alternative, with spread and targets."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.measured import Measured
from bench.results import OURS, Result
from bench.table import number

WIDTH, LABELS, BARS = 900, 330, 430
BAR, GAP, TITLE = 16, 6, 24
# Read on a light page and on a dark one; ours and a miss differ by more than their colour (fill, and a word).
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .ours { fill: #1f6feb } .other { fill: #afb8c1 } .missed { fill: #cf222e }
  .spread { stroke: #24292f } .target { stroke: #bc4c00; stroke-dasharray: 4 2; stroke-width: 2 }
  .limit { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .other { fill: #6e7681 } .spread { stroke: #e6edf3 }
    .target { stroke: #f0883e } .limit { fill: #f0883e }
  }
"""


def _limit(result: Result) -> float:
    """The strictest target in the result's unit; 0: none."""
    limits = [target.limit * (result.median(target.of) if target.of else 1.0) for target in result.targets]
    return min(limits, default=0.0)


def _word(result: Result) -> str:
    if result.invalid:
        return "INVALID"
    if not result.targets:
        return ""
    return "met" if all(result.reached(target) for target in result.targets) else "MISSED"


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def _group(result: Result, top: float) -> tuple[list[str], float]:
    """The elements of one result, and where the next may begin."""
    limit, word = _limit(result), _word(result)
    longest = max([limit, *(max(samples) for samples in result.samples.values())]) or 1.0

    def at(value: float) -> float:
        return LABELS + BARS * value / longest

    made = [_text(8, top + 16, result.what, ' class="title"')]
    if word:
        aim = f"{word}: target {number(limit, result.unit)}"
        made.append(_text(WIDTH - 8, top + 16, aim, ' class="limit" text-anchor="end"'))
    y = top + TITLE
    for name in sorted(result.samples, key=lambda one: one != OURS):
        samples, median = result.samples[name], result.median(name)
        kind = "other" if name != OURS else "missed" if word in ("MISSED", "INVALID") else "ours"
        made.append(_text(LABELS - 8, y + 13, name, ' text-anchor="end"'))
        made.append(
            f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{max(at(median) - LABELS, 1):.1f}" height="{BAR}"/>'
        )
        if len(samples) > 1:
            low, high = at(min(samples)), at(max(samples))
            made.append(f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}"/>')
        more = "more than " if name in result.given_up else ""
        made.append(_text(at(max(samples)) + 6, y + 13, more + number(median, result.unit)))
        y += BAR + GAP
    if limit:
        x = at(limit)
        made.append(f'<line class="target" x1="{x:.1f}" x2="{x:.1f}" y1="{top + TITLE - 3}" y2="{y - GAP + 3}"/>')
    return made, y + 10


def svg(row: Measured) -> str:
    """The picture of one row of measurements."""
    made: list[str] = []
    top = 4.0
    for result in row.results:
        elements, top = _group(result, top)
        made += elements
    said = "; ".join(f"{result.what}: {number(result.median(), result.unit)}" for result in row.results)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<title>{escape(said)}</title>", f"<style>{STYLE}</style>", *made, "</svg>", ""])


def all_of(rows: Sequence[Measured]) -> dict[str, str]:
    """Name of a file below ``bench/charts/`` -> its text."""
    return {f"{row.name}.svg": svg(row) for row in rows}
