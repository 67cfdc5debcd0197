"""What carries packages over: in the background after a start, or by hand (``melda-env upgrade``)."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Dict, List, Optional, Sequence

from melda.base import log
from melda.base.errors import ConfigError
from melda.config import environ, upgrade
from melda.envs import as_user
from melda.envs.errors import UNAVAILABLE, UsageError
from melda.envs.restore.plan import Problem
from melda.envs.restore.progress import printable, wait_for_bucket
from melda.envs.upgrade import install_passes, notices
from melda.envs.upgrade.plan import Upgrade
from melda.envs.upgrade.previous import Former
from melda.plugins import state
from melda.sync import upgrade_service
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import PACKAGES, Failure

PATIENCE = 300.0  # seconds for the project's packages to come from the bucket
AGAIN = 10.0  # seconds until it is tried again while another restore runs


def background(place: environ.ImageLayout, variables: Dict[str, str]) -> None:
    """Carry over, as start-jupyter starts it when Jupyter answers.

    Raises:
        UsageError: another restore runs; it is tried again.
    """
    mode = upgrade.mode(variables)
    one = Upgrade(place, notices.Told(sys.stderr))
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
    one.take_loose(dues)
    found = [*one.former(dues), *one.newer()]
    if any(former.packages for former in found):
        _install(one, found)
    else:
        one.nothing(found)
    failures = one.check()
    if failures:
        notices.line(notices.does_not_load(failures), log.WARNING)
    elif not found:
        known, failures = one.known()
        if failures:
            notices.Missing(known).failed(failures)


def _ask(one: Upgrade, dues: Sequence[Due]) -> None:
    found = [each for each in [*one.former(dues), *one.newer()] if each.packages]
    if found:
        moves = notices.moves([each.due for each in found])
        notices.Missing([each.due for each in found]).asked({each.kind: each.packages for each in found})
        notices.line(f"waiting: melda-env upgrade carries the packages over from {moves}")


def _install(one: Upgrade, found: Sequence[Former]) -> None:
    dues = [each.due for each in found if each.packages]
    notices.line(f"installing what the project had: {notices.moves(dues)}")
    missing = notices.Missing(dues)

    def here(count: int, failures: List[Failure]) -> None:
        for failure in failures:
            notices.say(Problem(*failure).line(), log.WARNING)
        missing.failed(failures)
        notices.line(notices.summary(count, dues, failures), log.WARNING if failures else log.INFO)

    one.install(found, missing, here)


def by_hand(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env upgrade: exit code 0 if all is carried over, 1 if something cannot be had.

    Raises:
        UsageError: another restore runs.
    """
    one = Upgrade(place, notices.Shown(sys.stderr if asked.json else None))
    try:
        one.keep_snapshots()
        dues = one.due(again=True)
        taken = one.take_over(dues) + one.take_loose(dues)
        found = one.former([due for due in dues if due.how == PACKAGES])
        found += [each for each in one.newer() if each.due.target not in {due.target for due in dues}]
        dues += [each.due for each in found if each.due not in dues]
        count, failures = one.install(found, notices.Missing(dues)) if found else (0, [])
        failures = [*failures, *one.check()]
    except OSError as error:
        raise UsageError("{0}: {1}".format(error.filename or "the project", error.strerror or error)) from None
    notices.Missing(dues).failed(failures)
    line = notices.summary(count, dues, failures) if dues else "there is nothing to carry over"
    state.write(line if dues else "", state.UPGRADE)
    if asked.json:
        answer = {"carried": count, "entries": taken, "failures": [failure._asdict() for failure in failures]}
        sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    else:
        sys.stdout.write(line + "\n")
        for failure in failures:
            sys.stdout.write(f"  {printable(Problem(*failure).line())}\n")
    return UNAVAILABLE if failures else 0


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Command line: none; see :func:`background`."""
    variables = environ.load()
    place = environ.image_layout(variables)
    as_user.go_on(place)
    wait_for_bucket(PATIENCE)
    if upgrade_service.is_settled():
        return 0
    while True:
        try:
            background(place, variables)
            return 0
        except UsageError as error:
            if install_passes.invalid(error):
                notices.line(f"failed: {error}; melda-env upgrade tries it again", log.WARNING)
                return 0
            time.sleep(AGAIN)
        except ConfigError as error:
            notices.line(f"failed: {error}", log.WARNING)
            return 0
        except OSError as error:
            notices.line(
                "failed: {0}: {1}".format(error.filename or "the project", error.strerror or error), log.WARNING
            )
            return 1  # start-jupyter tries again
