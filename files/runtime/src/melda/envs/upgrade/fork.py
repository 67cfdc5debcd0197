"""A fork whose parent ran on another Python or R: its packages are carried over, as those of a project are."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from melda.config import environ
from melda.envs import Json, document
from melda.envs.capture.pack import ENDING
from melda.envs.restore.plan import Problem
from melda.envs.restore.progress import Progress
from melda.envs.upgrade import install_passes, notices
from melda.envs.upgrade.previous import KINDS, Former
from melda.plugins import image_record
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import PACKAGES


def former(place: environ.ImageLayout, path: str) -> Tuple[List[Former], List[Problem]]:
    """Look what a parent had.

    Args:
        place: of the container.
        path: of the parent's capture, which anybody may have written.

    Returns:
        Nothing, if it had this Python and this R: then it is restored exactly as it was. Else what it had, and what of
        the file cannot be used.

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
    unusable = [Problem(**one) for one in found.get(document.PROBLEMS, [])]
    kinds = {one.kind for one in every if one.due.source != one.due.target}
    differs = any(one.packages and one.kind in kinds for one in every) or any(one.kind in kinds for one in unusable)
    return (every, unusable) if differs else ([], [])


def carry_over(
    place: environ.ImageLayout, found: Sequence[Former], unusable: Sequence[Problem], progress: Progress
) -> Json:
    """Install what the parent had, the same versions as far as they can be had.

    Args:
        place: of the container.
        found, unusable: as :func:`former` returns them.
        progress: is told what happens.

    Returns:
        As :meth:`Outcome.as_json`; ``moves`` says from what to what.

    Raises:
        UsageError: another restore runs.
    """
    kinds = {one.kind for one in unusable}
    dues = [one.due for one in found if (one.packages or one.kind in kinds) and one.due.source != one.due.target]
    missing = notices.Missing(dues)
    every = install_passes.Passes(place, found, progress)
    every.after_each = lambda: missing.coming(every.coming(), every.far())
    every.after_each()
    lost = every.run()
    missing.failed(lost)
    problems = [*unusable, *(Problem(*one) for one in lost)]
    return {
        "installed": every.total - len(lost),
        "there": 0,
        "problems": [one._asdict() for one in problems],
        "moves": notices.moves(dues),
    }
