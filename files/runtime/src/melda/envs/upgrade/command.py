"""What carries packages over: in the background after a start, or by hand (``melda-env upgrade``)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from melda.base.errors import ConfigError
from melda.config import environ, upgrade
from melda.envs import capture, cli
from melda.envs.capture import copies
from melda.envs.errors import UsageError
from melda.envs.restore.progress import Progress
from melda.envs.upgrade import checking, former, passes, telling
from melda.envs.upgrade.former import Former
from melda.plugins import image_record, set_paths, state
from melda.sync import carried
from melda.sync.carried import PACKAGES, WHOLE, Carried, Failure
from melda.sync.carry_over import Due, Project, local_folder

Json = Dict[str, Any]
PATIENCE, PAUSE = 300.0, 0.2  # seconds for the project's packages to come from the bucket; between two looks
AGAIN = 10.0  # seconds until it is tried again while another restore runs
NICE = 10  # the user's cells come first


class Upgrade:
    """Carries over what a project had with another Python or R.

    Args:
        place: where things are.
        progress: is told what happens.
    """

    def __init__(self, place: environ.ImageLayout, progress: Progress) -> None:
        self._place, self._progress = place, progress
        self._targets = [os.path.basename(folder) for folder in set_paths.plugins(place) if folder]
        on_disk = local_folder(place.workdir, self._targets)
        self._local = not on_disk
        self._project = Project(place.workdir, on_disk, telling.say)

    def due(self, again: bool = False) -> List[Due]:
        """Return what there is to do.

        Args:
            again: also what could not be had the last time.
        """
        found = self._project.due(self._targets)
        for target, one in carried.read(self._place.workdir).items():
            if again and target in self._targets and one.done and one.failures and one.how == PACKAGES:
                found.append(Due(target, one.source, PACKAGES))
        return found

    def keep_snapshots(self) -> None:
        """Before anything changes: keep the snapshots of the other Python and R under their own names.

        Raises:
            OSError: one cannot be kept.
        """
        versions = {kind: {"version": version} for kind, version in self._versions().items()}
        with copies.alone():
            for path in copies.newest(self._place.workdir):
                copies.keep_former(path, versions)

    def _versions(self) -> Dict[str, str]:
        here = image_record.here(self._place)
        return {"python": here.python, "r": here.r}

    def former(self, dues: Sequence[Due]) -> List[Former]:
        """Return what there was; what nobody knows is reported, and is no reason to try again."""
        found = []
        for due in dues:
            try:
                found.append(former.find(self._place, due, self._local))
            except UsageError as error:
                telling.say(str(error))
                carried.note(self._place.workdir, due.target, Carried(due.source, PACKAGES, True))
        return found

    def take_over(self, dues: Sequence[Due]) -> int:
        """Take over what fits as it is; return how many entries."""
        return sum(self._project.take_over(due) for due in dues if due.how == WHOLE)

    def install(self, found: Sequence[Former], missing: telling.Missing) -> Tuple[int, List[Failure]]:
        """Install what there was.

        Returns:
            How many packages are here, and what could not be had.

        Raises:
            UsageError: another restore runs.
        """
        for one in found:
            carried.note(self._place.workdir, one.due.target, Carried(one.due.source, PACKAGES))
        every = passes.Passes(self._place, list(found), self._progress)

        def far() -> str:
            left = sum(len(entries) for entries in every.coming().values())
            return f"{every.total - left} of {every.total}"

        def tell() -> None:
            missing.coming(every.coming(), far())
            state.write(f"installing, {far()}", state.UPGRADE)

        every.after_each = tell
        tell()
        failures = [Failure(*one) for one in every.run()]
        for one in found:
            mine = tuple(failure for failure in failures if failure.kind == one.kind)
            carried.note(self._place.workdir, one.due.target, Carried(one.due.source, PACKAGES, True, mine))
        return every.total - len(failures), failures

    def check(self) -> List[Failure]:
        """Load what was taken over as it is, once; return what does not load."""
        found: List[Failure] = []
        for target, one in carried.read(self._place.workdir).items():
            if target in self._targets and one.how == WHOLE and one.done and not one.checked:
                failures = checking.check(self._place, Due(target, one.source, WHOLE))
                carried.note(self._place.workdir, target, one._replace(checked=True, failures=tuple(failures)))
                telling.say(f"{target}: what is from {one.source} is loaded once: {len(failures)} do not load")
                found += failures
        return found

    def known(self) -> Tuple[List[Due], List[Failure]]:
        """Return what was carried over into the folders of this container, and what of it could not be had."""
        found = {target: one for target, one in carried.read(self._place.workdir).items() if target in self._targets}
        dues = [Due(target, one.source, one.how) for target, one in found.items()]
        return dues, [failure for one in found.values() for failure in one.failures]

    def note_manifest(self) -> None:
        """Compute the number that stands for this image, if it is not known yet."""
        record = image_record.read(self._place.workdir)
        now = image_record.here(self._place)
        if record.last is None or (image_record.same(record.last, now) and not record.last.manifest):
            number = capture.capture(self._place)["system"]["image"]
            image_record.write(self._place.workdir, now._replace(manifest=number))


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
    found = one.former(dues)
    if any(former.packages for former in found):
        _install(one, found)
    else:
        for nothing in found:  # there was nothing to carry over, and nobody need be told
            carried.note(place.workdir, nothing.due.target, Carried(nothing.due.source, PACKAGES, True))
    failures = one.check()
    if failures:
        telling.line(_does_not_load(failures))
    elif not found:
        known, failures = one.known()
        if failures:
            telling.Missing(known).failed(failures)


def _does_not_load(failures: Sequence[Failure]) -> str:
    names = ", ".join(f"{one.name} {one.version}" for one in failures[: telling.SHOWN])
    more = f" and {len(failures) - telling.SHOWN} more" if len(failures) > telling.SHOWN else ""
    return f"{len(failures)} packages do not load as they were taken over: {names}{more}; {failures[0].reason}"


def _ask(one: Upgrade, dues: Sequence[Due]) -> None:
    found = [each for each in one.former(dues) if each.packages]
    if found:
        moves = telling.moves([each.due for each in found])
        telling.Missing(dues).asked({each.kind: each.packages for each in found})
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
