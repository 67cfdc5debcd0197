"""``python -m bench.profile < LOG``: where the time of an image build goes, by the plain progress of ``docker build``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

BEFORE, AFTER = "before pyinfra: its Python, uv, pyinfra itself", "after the last operation"
_STARTED = re.compile(r"^#\d+ (\d+\.\d+) --> Starting operation: (.+?) *$")
_RESULTS = re.compile(r"^#\d+ (\d+\.\d+) --> Results:")
_DONE = re.compile(r"^#(\d+) DONE (\d+\.\d+)s")


def spent(log: Iterable[str]) -> dict[str, float]:
    """Operation -> seconds, in the order of the build; a name that comes twice (two images in one log) is added up.

    Args:
        log: lines of ``docker build --progress=plain``.
    """
    found: dict[str, float] = {}

    def add(name: str, seconds: float) -> None:
        found[name] = found.get(name, 0.0) + seconds

    running, since = "", 0.0
    for line in log:
        started, results, done = _STARTED.match(line), _RESULTS.match(line), _DONE.match(line)
        if started or results:
            now = float((started or results)[1])  # type: ignore[index]
            add(running or BEFORE, now - since)
            running, since = (started[2], now) if started else (AFTER, now)
        elif done and running:
            add(running, max(0.0, float(done[2]) - since))
            running, since = "", 0.0
    return found


def table(times: dict[str, float], rows: int = 12) -> str:
    """Return the longest as Markdown; the others in one row."""
    longest = sorted(times.items(), key=lambda item: -item[1])
    lines = ["| what | seconds | share |", "| --- | --- | --- |"]
    whole = sum(times.values()) or 1.0
    shown = [*longest[:rows], (f"the other {len(longest[rows:])}", sum(seconds for _, seconds in longest[rows:]))]
    for name, seconds in [*shown, ("all", whole)]:
        lines.append(f"| {name.replace(' | ', ': ')} | {seconds:.1f} | {seconds / whole:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(spent(sys.stdin)))
