"""The results as pictures: one SVG a row, a bar for ours and for each alternative, with spread and targets."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.measured import Measured
from bench.results import OURS, Result, Target
from bench.table import number, verdict

WIDTH, LABELS, BARS = 900, 290, 420
BAR, GAP, LINE = 16, 6, 20
FIGURES = LABELS + BARS + 14
# A page's theme need not be the system's, which is all that a picture knows: it brings its own background.
# Ours and a miss differ by more than their colour (a word), targets by their dashes.
STYLE = """
  .page { fill: #ffffff }
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .met { fill: #1a7f37 } .bad { fill: #cf222e; font-weight: 600 }
  .ours { fill: #1f6feb } .other { fill: #afb8c1 } .missed { fill: #cf222e }
  .spread { stroke: #24292f; stroke-width: 2 } .target { stroke: #bc4c00; stroke-dasharray: 4 2; stroke-width: 2 }
  .limit { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 }
    text { fill: #e6edf3 } .met { fill: #3fb950 } .bad { fill: #ff7b72 } .other { fill: #6e7681 }
    .spread { stroke: #e6edf3 } .target { stroke: #f0883e } .limit { fill: #f0883e }
  }
"""


def _limit(result: Result, target: Target) -> float:
    """Return a target in the result's unit."""
    return target.limit * (result.median(target.of) if target.of else 1.0)


def _aim(result: Result, target: Target) -> str:
    """Return what is to be reached, and whether it is."""
    limit = number(_limit(result, target), result.unit)
    output = f"{target.limit:g} x {target.of} = {limit}" if target.of else limit
    return f"target ≤ {output}: {verdict(result, [target]).partition(':')[0]}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _group(result: Result, top: float) -> tuple[list[str], float]:
    """Return the elements of one result, and where the next may begin."""
    output = verdict(result, result.targets)
    bad = bool(result.invalid) or "MISSED" in output
    limits = [_limit(result, target) for target in result.targets]
    longest = max([*limits, *(max(samples) for samples in result.samples.values())]) or 1.0

    def at(value: float) -> float:
        return LABELS + BARS * value / longest

    made = [_text(8, top + 16, result.what, "title")]
    if result.invalid or result.targets:
        word = "INVALID" if result.invalid else "MISSED" if bad else "met"
        made.append(_text(WIDTH - 8, top + 16, word, "bad" if bad else "met", "end"))
    y = first = top + LINE + 4
    for name in sorted(result.samples, key=lambda one: one != OURS):
        samples, median = result.samples[name], result.median(name)
        kind = "other" if name != OURS else "missed" if bad else "ours"
        made.append(_text(LABELS - 8, y + 13, name, anchor="end"))
        width = max(at(median) - LABELS, 1)
        made.append(f'<rect class="{kind}" x="{LABELS}" y="{y:.1f}" width="{width:.1f}" height="{BAR}"/>')
        if len(samples) > 1:
            made.append(_line("spread", at(min(samples)), y + BAR / 2, at(max(samples)), y + BAR / 2))
        more = "more than " if name in result.given_up else ""
        made.append(_text(FIGURES, y + 13, f"{more}{number(median, result.unit)}, n = {len(samples)}"))
        y += BAR + GAP
    made += [_line("target", at(limit), first - 3, at(limit), y - GAP + 3) for limit in limits]
    for target in result.targets:
        made.append(_text(LABELS, y + 12, _aim(result, target), "limit"))
        y += LINE
    return made, y + 12


def svg(row: Measured) -> str:
    """Return the picture of one row of measurements."""
    made: list[str] = []
    top = 4.0
    for result in row.results:
        elements, top = _group(result, top)
        made += elements
    output = "; ".join(f"{result.what}: {number(result.median(), result.unit)}" for result in row.results)
    size = f'width="{WIDTH}" height="{top:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" {size} role="img">',
            f"<title>{escape(output)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" {size}/>',
            *made,
            "</svg>",
            "",
        ]
    )


def all_of(rows: Sequence[Measured]) -> dict[str, str]:
    """Name of a file below ``bench/charts/`` -> its text."""
    return {f"{row.name}.svg": svg(row) for row in rows}
