"""The packages of another Python or R: which are to be carried over, and the ways there; see command.py for who asks."""

from __future__ import annotations

import os
import time
from typing import Callable, Dict, List, Sequence, Tuple

from melda.base import log
from melda.base.paths import LOCAL_PLUGINS
from melda.config import environ
from melda.envs import capture
from melda.envs.capture import copies
from melda.envs.errors import UsageError
from melda.envs.restore.progress import Progress, few
from melda.envs.upgrade import checking, install_passes, notices, previous
from melda.envs.upgrade.previous import Former
from melda.plugins import image_record, set_paths, state
from melda.sync import loose_files, upgrade_record
from melda.sync.on_disk import local_index, tree
from melda.sync.upgrade_plan import Due, Project, local_folder
from melda.sync.upgrade_record import PACKAGES, WHOLE, Carried, Failure

SAVED, PAUSE = 120.0, 1.0  # seconds for the sync daemon to save what was installed; between two looks


def is_saved(local: str, name: str) -> bool:
    """Is all of a folder on local disk in the bucket? What the sync daemon left out is not.

    Raises:
        OSError: the folder cannot be read.
    """
    root = os.path.join(local, name)
    known = local_index.read(root + ".json").signatures
    return all(known.get(entry) == signature for entry, signature in tree.signatures(tree.layout(name), root).items())


class Upgrade:
    """Carries over what a project had with another Python or R.

    Args:
        place: where things are.
        progress: is told what happens.
    """

    def __init__(self, place: environ.ImageLayout, progress: Progress) -> None:
        self._place, self._progress = place, progress
        self._targets = [os.path.basename(folder) for folder in set_paths.plugins(place) if folder]
        self._on_disk = local_folder(place.workdir, self._targets)
        self._local, self._kept = not self._on_disk, bool(self._on_disk)
        self._project = Project(place.workdir, self._on_disk, notices.say)

    def due(self, again: bool = False) -> List[Due]:
        """Return what there is to do.

        Args:
            again: also what could not be had the last time.
        """
        found = self._project.due(self._targets)
        for target, one in self._mine().items():
            if again and one.done and one.failures and one.how == PACKAGES:
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
                found.append(previous.find(self._place, due, self._local))
            except UsageError as error:
                notices.say(str(error), log.WARNING)
                upgrade_record.note(self._place.workdir, due.target, Carried(due.source, PACKAGES, True))
        return found

    def newer(self) -> List[Former]:
        """Return what was installed with the other Python or R after its packages were carried over."""
        found = []
        for target, one in self._mine().items():
            mark = self._project.mark(one.source) if one.done and one.mark else ""
            if mark in ("", one.mark):
                continue
            try:
                was = previous.find(self._place, Due(target, one.source, PACKAGES), self._local)
            except UsageError:
                continue
            new = [entry for entry in was.packages if entry["name"] not in one.had]
            if new:
                names = few([entry["name"] for entry in new])
                notices.say(f"{one.source} got {len(new)} packages since it was carried over to {target}: {names}")
                found.append(was._replace(packages=new))
            else:
                upgrade_record.note(self._place.workdir, target, one._replace(mark=mark))
        return found

    def nothing(self, found: Sequence[Former]) -> None:
        """There was no package to carry over, and nobody need be told."""
        if not self._wait_until_saved([one.due.target for one in found]):
            return
        for one in found:
            mark = self._project.mark(one.due.source)
            upgrade_record.note(self._place.workdir, one.due.target, Carried(one.due.source, PACKAGES, True, mark=mark))

    def _mine(self) -> Dict[str, Carried]:
        return {name: one for name, one in upgrade_record.read(self._place.workdir).items() if name in self._targets}

    def take_over(self, dues: Sequence[Due]) -> int:
        """Take over what fits as it is; return how many entries."""
        return sum(self._project.take_over(due).entries for due in dues if due.how == WHOLE)

    def take_loose(self, dues: Sequence[Due]) -> int:
        """Take over what belongs to no package, of a folder that is filled for the first time; return how many entries.

        What is not taken is said, once, and costs no package.
        """
        known, count = self._mine(), 0
        for due in dues:
            if due.how == PACKAGES and not (due.target in known and known[due.target].done):
                try:
                    taken, left = loose_files.take(self._place.workdir, self._on_disk, due, notices.say)
                except OSError as error:
                    notices.say(f"data of {due.source} is not taken over: {error.strerror or error}", log.WARNING)
                    continue
                count += taken
                if taken:
                    notices.say(f"{taken} kernels, and files of data, are taken over from {due.source}")
                if left:
                    notices.say(notices.left(due, left))
        return count

    def install(
        self,
        found: Sequence[Former],
        missing: notices.Missing,
        here: Callable[[int, List[Failure]], None] = lambda *_: None,
    ) -> Tuple[int, List[Failure]]:
        """Install what there was.

        Args:
            found: what there was.
            missing: is told what is on its way.
            here: is told the result before it is waited for the bucket, as it can be used already.

        Returns:
            How many packages are here, and what could not be had.

        Raises:
            UsageError: another restore runs.
        """
        marks = {one.due.target: self._project.mark(one.due.source) for one in found}
        records = {one.due.target: self._begun(one.due) for one in found}
        every = install_passes.Passes(self._place, found, self._progress)

        def tell() -> None:
            missing.coming(every.coming(), every.far())
            state.write(f"installing, {every.far()}", state.UPGRADE)

        every.after_each = tell
        tell()
        failures = every.run()
        here(every.total - len(failures), failures)
        if self._wait_until_saved(list(records)):
            for one in found:
                self._note(one, records[one.due.target], marks[one.due.target], failures)
        return every.total - len(failures), failures

    def _begun(self, due: Due) -> Carried:
        """Return what is known of a folder; of one that is filled for the first time it is noted that it is begun."""
        known = upgrade_record.read(self._place.workdir).get(due.target)
        if known and known.done and known.source == due.source:
            return known
        begun = Carried(due.source, PACKAGES)
        upgrade_record.note(self._place.workdir, due.target, begun)
        return begun

    def _note(self, one: Former, before: Carried, mark: str, failures: Sequence[Failure]) -> None:
        names = [entry["name"] for entry in one.packages]
        mine = [failure for failure in before.failures if failure.name not in names]
        mine += [failure for failure in failures if failure.kind == one.kind]
        had = tuple(sorted({*before.had, *names}))
        done = before._replace(done=True, failures=tuple(mine), mark=mark, had=had)
        upgrade_record.note(self._place.workdir, one.due.target, done)

    def _wait_until_saved(self, targets: Sequence[str]) -> bool:
        """Before it counts as done: the next container has another disk.

        Returns:
            Whether it is saved; else the next start goes on, which installs what is not there then.
        """
        deadline = time.monotonic() + SAVED
        while self._kept and not all(is_saved(LOCAL_PLUGINS, target) for target in targets):
            if time.monotonic() > deadline:
                notices.say("what is carried over is not in the bucket yet: the next start looks again", log.WARNING)
                return False
            time.sleep(PAUSE)
        return True

    def check(self) -> List[Failure]:
        """Load what was taken over as it is, once. What does not load is installed again.

        Returns:
            What does not load, and cannot be had.

        Raises:
            UsageError: another restore runs.
        """
        found: List[Failure] = []
        for target, one in self._mine().items():
            if one.how == WHOLE and one.done and not one.checked:
                due = Due(target, one.source, WHOLE)
                failures = checking.check(self._place, due)
                # Of one that was being installed again when it was killed.
                gone = [failure for failure in one.failures if not checking.is_there(self._place, due, failure.name)]
                failures += gone
                level = log.WARNING if failures else log.INFO
                notices.say(f"{target}: what is from {one.source} is loaded once: {len(failures)} do not load", level)
                if failures:
                    upgrade_record.note(self._place.workdir, target, one._replace(failures=tuple(failures)))
                    failures = self._again(due, failures)
                    self._wait_until_saved([target])
                upgrade_record.note(self._place.workdir, target, one._replace(checked=True, failures=tuple(failures)))
                found += failures
        return found

    def _again(self, due: Due, broken: List[Failure]) -> List[Failure]:
        """Install packages again that do not load; return those that still do not."""
        notices.line(notices.does_not_load(broken) + "; installing again", log.WARNING)
        names = {one.name for one in broken}
        try:
            was = previous.find(self._place, due, self._local)
        except UsageError as error:  # nobody knows where they came from
            notices.say(str(error), log.WARNING)
            return broken
        was = was._replace(packages=[entry for entry in was.packages if entry["name"] in names])
        lost = install_passes.Passes(self._place, [was], self._progress, broken).run()
        unknown = [one for one in broken if one.name not in {entry["name"] for entry in was.packages}]
        again = len(broken) - len(lost) - len(unknown)
        left = len(lost) + len(unknown)
        level = log.WARNING if left else log.INFO
        notices.line(f"{again} packages that did not load are installed again; {left} do not load", level)
        return [*lost, *unknown]

    def known(self) -> Tuple[List[Due], List[Failure]]:
        """Return what was carried over into the folders of this container, and what of it could not be had."""
        found = self._mine()
        dues = [Due(target, one.source, one.how) for target, one in found.items()]
        return dues, [failure for one in found.values() for failure in one.failures]

    def note_manifest(self) -> None:
        """Compute the number that stands for this image, if it is not known yet; no package waits for it."""
        try:
            record = image_record.read(self._place.workdir)
            now = image_record.here(self._place)
            if record.last is None or (image_record.same(record.last, now) and not record.last.manifest):
                number = capture.capture(self._place)["system"]["image"]
                image_record.write(self._place.workdir, (record.last or now)._replace(manifest=number), record)
        except OSError as error:
            notices.say(f"the number of this image is not noted: {error.strerror or error}", log.WARNING)
