"""What carries packages over: in the background after a start, or by hand (``melda-env upgrade``)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Dict, Optional, Sequence

from melda.base.errors import ConfigError
from melda.config import environ, upgrade
from melda.envs import cli
from melda.envs.errors import UsageError
from melda.envs.upgrade import passes, telling
from melda.envs.upgrade.former import Former
from melda.envs.upgrade.work import Upgrade
from melda.plugins import state
from melda.sync.carried import PACKAGES
from melda.sync.carry_over import Due

PATIENCE, PAUSE = 300.0, 0.2  # seconds for the project's packages to come from the bucket; between two looks
AGAIN = 10.0  # seconds until it is tried again while another restore runs
NICE = 10  # the user's cells come first


def background(place: environ.ImageLayout, variables: Dict[str, str]) -> None:
    """Carry over, as start-jupyter starts it when Jupyter answers.

    Raises:
        UsageError: another restore runs; it is tried again.
    """
    mode = upgrade.mode(variables)
    one = Upgrade(place, telling.Told(sys.stderr))
    one.keep_snapshots()
    one.note_manifest()
    if mode == upgrade.OFF:
        return
    every = one.due()
    dues = [due for due in every if due.how == PACKAGES or mode == upgrade.ASK]
    if mode == upgrade.ASK:
        _ask(one, dues)
        return
    one.take_over(every)  # what the sync daemon could not
    found = [*one.former(dues), *one.newer()]
    if any(former.packages for former in found):
        _install(one, found)
    else:
        one.nothing(found)
    failures = one.check()
    if failures:
        telling.line(telling.does_not_load(failures))
    elif not found:
        known, failures = one.known()
        if failures:
            telling.Missing(known).failed(failures)


def _ask(one: Upgrade, dues: Sequence[Due]) -> None:
    found = [each for each in [*one.former(dues), *one.newer()] if each.packages]
    if found:
        moves = telling.moves([each.due for each in found])
        telling.Missing([each.due for each in found]).asked({each.kind: each.packages for each in found})
        telling.line(f"waiting: melda-env upgrade carries the packages over from {moves}")


def _install(one: Upgrade, found: Sequence[Former]) -> None:
    dues = [each.due for each in found if each.packages]
    telling.line(f"installing what the project had: {telling.moves(dues)}")
    missing = telling.Missing(dues)
    count, failures = one.install(found, missing)
    for failure in failures:
        telling.say(f"{telling.LANGUAGES[failure.kind]} {failure.name} {failure.version}: {failure.reason}")
    missing.failed(failures)
    telling.line(telling.summary(count, dues, failures))


def by_hand(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env upgrade: exit code 0 if all is carried over, 1 if something cannot be had.

    Raises:
        UsageError: another restore runs.
    """
    one = Upgrade(place, telling.Shown(sys.stderr if asked.json else None))
    try:
        one.keep_snapshots()
        dues = one.due(again=True)
        taken = one.take_over(dues)
        found = one.former([due for due in dues if due.how == PACKAGES])
        found += [each for each in one.newer() if each.due.target not in {due.target for due in dues}]
        dues += [each.due for each in found if each.due not in dues]
        count, failures = one.install(found, telling.Missing(dues)) if found else (0, [])
        failures = [*failures, *one.check()]
    except OSError as error:
        raise UsageError("{0}: {1}".format(error.filename or "the project", error.strerror or error)) from None
    telling.Missing(dues).failed(failures)
    line = telling.summary(count, dues, failures) if dues else "there is nothing to carry over"
    state.write(line if dues else "", state.UPGRADE)
    if asked.json:
        answer = {"carried": count, "entries": taken, "failures": [failure._asdict() for failure in failures]}
        sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    else:
        sys.stdout.write(line + "\n")
        for failure in failures:
            sys.stdout.write(
                f"  {telling.LANGUAGES[failure.kind]} {failure.name} {failure.version}: {failure.reason}\n"
            )
    return cli.UNAVAILABLE if failures else 0


def _wait() -> None:
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(state.RESTORING) and time.monotonic() < deadline:
        time.sleep(PAUSE)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Command line: none; see :func:`background`."""
    variables = environ.load()
    place = environ.image_layout(variables)
    cli.interpreter(place)
    os.nice(NICE)
    _wait()
    while True:
        try:
            background(place, variables)
            return 0
        except UsageError as error:
            if passes.invalid(error):
                telling.line(f"failed: {error}; melda-env upgrade tries it again")
                return 0
            time.sleep(AGAIN)
        except ConfigError as error:
            telling.line(f"failed: {error}")
            return 0
        except OSError as error:
            telling.line("failed: {0}: {1}".format(error.filename or "the project", error.strerror or error))
            return 1  # start-jupyter tries again
