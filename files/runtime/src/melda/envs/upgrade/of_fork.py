"""A fork whose parent ran on another Python or R: its packages are carried over, as those of a project are."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from melda.config import environ
from melda.envs import document
from melda.envs.capture.pack import ENDING
from melda.envs.restore.outcome import Problem
from melda.envs.restore.progress import Progress
from melda.envs.upgrade import passes, telling
from melda.envs.upgrade.former import KINDS, Former
from melda.plugins import image_record
from melda.sync import carried
from melda.sync.carried import PACKAGES
from melda.sync.carry_over import Due

Json = Dict[str, Any]


def former(place: environ.ImageLayout, path: str) -> List[Former]:
    """Return what a parent had; nothing, if it had this Python and this R: then it is restored exactly as it was.

    Args:
        place: of the container.
        path: of the parent's capture, which anybody may have written.

    Raises:
        UsageError: it is no capture.
    """
    found = document.check(document.parse_json(document.read_text(path), path), path)
    here = image_record.here(place)
    every = []
    for name, mine in (("Python", here.python), ("R", here.r)):
        kind = KINDS[name]
        given = found[kind]["version"]
        same = (
            not given or not mine or f"{mine}.".startswith(f"{given}.")
        )  # without one of them restore says what is wrong
        due = Due(f"{name}-{mine}", f"{name}-{mine if same else given}", PACKAGES)
        every.append(Former(due, kind, found[kind]["packages"], path + ENDING))
    return every if any(one.packages and one.due.source != one.due.target for one in every) else []


def carry_over(place: environ.ImageLayout, found: Sequence[Former], progress: Progress) -> Json:
    """Install what the parent had, the same versions as far as they can be had.

    Returns:
        As :meth:`Outcome.as_json`; ``moves`` says from what to what.

    Raises:
        UsageError: another restore runs.
    """
    dues = [one.due for one in found if one.packages and one.due.source != one.due.target]
    missing = telling.Missing(dues)
    every = passes.Passes(place, found, progress)
    every.after_each = lambda: missing.coming(every.coming(), every.far())
    every.after_each()
    lost = every.run()
    missing.failed([carried.Failure(*one) for one in lost])
    problems = [Problem(one.kind, one.name, one.version, one.reason, "")._asdict() for one in lost]
    count = every.total - len(lost)
    return {"installed": count, "there": 0, "problems": problems, "moves": telling.moves(dues)}
