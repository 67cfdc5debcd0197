"""melda-env history and melda-env back: what was installed when, and a folder as it was then."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import List, Tuple

from melda.base.log import INFO
from melda.base.paths import LOCAL_PLUGINS, PROJECT_STATE
from melda.config import environ
from melda.envs.errors import UsageError
from melda.envs.restore.progress import few, printable
from melda.plugins import set_paths, state
from melda.sync import history
from melda.sync.history import Listed
from melda.sync.in_bucket import retention
from melda.sync.upgrade_plan import local_folder

PATIENCE = 20.0  # seconds for the sync daemon to save what is new
PAUSE = 0.1  # seconds between two looks
KEPT = "The last {0} generations are kept, and those of {1:.0f} days; the earlier ones take {2:.1f} MB of the bucket."


def _names(place: environ.ImageLayout) -> List[str]:
    return [os.path.basename(folder) for folder in set_paths.plugins(place) if folder]


def _ours(place: environ.ImageLayout) -> str:
    if not local_folder(place.workdir, _names(place)):
        raise UsageError("the project is a local folder: only a bucket keeps what was there earlier")
    return os.path.join(place.workdir, PROJECT_STATE)


def _all(place: environ.ImageLayout) -> Tuple[List[Listed], int]:
    """Return the generations of this container's folders, the newest first, and the bytes that the earlier ones take."""
    ours, size = _ours(place), 0
    found: List[Listed] = []
    try:
        for folder in _names(place):
            some, more = history.listed(ours, folder)
            found += some
            size += more
    except OSError as error:
        raise UsageError(f"the bucket cannot be read: {error.strerror or error}") from None
    return sorted(found, key=lambda one: one.created, reverse=True), size


def _when(created: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(created))


def _line(one: Listed) -> str:
    told = few(one.changes) or "no package changed"
    return "{0:>6}  {1}  {2:<14}  {3}{4}".format(
        one.label, _when(one.created), one.folder, told, "" if one.whole else " (its archives are gone)"
    )


def do_history(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env history.

    Raises:
        UsageError: there is no bucket, or it does not answer.
    """
    found, size = _all(place)
    if asked.json:
        answer = {"generations": [one._asdict() for one in found], "bytes": size}
        sys.stdout.write(json.dumps(answer, indent=1) + "\n")
        return 0
    lines = [_line(one) for one in found] or ["nothing was installed yet"]
    sys.stdout.write("".join(printable(line) + "\n" for line in lines))  # names are what somebody wrote into the bucket
    if found:
        sys.stdout.write(KEPT.format(retention.LAST, retention.DAYS, size / 1e6) + "\n")
    return 0


def _saved() -> None:
    """Wait until all that is new is in the bucket: going back must not lose it.

    Raises:
        UsageError: it is not.
    """
    deadline = time.monotonic() + PATIENCE
    while not (state.read() or "").startswith("saved"):
        if time.monotonic() > deadline:
            raise UsageError(f"what is new is not in the bucket: {state.read() or 'the sync daemon does not run'}")
        time.sleep(PAUSE)


def _say(text: str, level: str = INFO) -> None:  # pylint: disable=unused-argument
    sys.stderr.write(f"melda-env: {text}\n")


def do_back(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env back N.

    Raises:
        UsageError: there is no such generation, or it cannot be had; nothing was changed.
    """
    _ours(place)
    _saved()
    found = [one for one in _all(place)[0] if one.label.lower() == asked.number.lower()]
    if not found:
        raise UsageError(f"invalid N={asked.number!r}: expected a generation that melda-env history lists, such as P3")
    one = found[0]
    if not one.whole:
        raise UsageError(f"{one.label} cannot be had: its archives are gone")
    try:
        ours = os.path.join(place.workdir, PROJECT_STATE)
        changed = history.go_back(LOCAL_PLUGINS, ours, one, _say)
    except OSError as error:
        raise UsageError(f"{one.label} cannot be had: {error.strerror or error}") from None
    line = f"{one.folder} is what it was on {_when(one.created)} ({len(changed)} entries changed); restart your kernels"
    sys.stdout.write(line + "\n")
    return 0
