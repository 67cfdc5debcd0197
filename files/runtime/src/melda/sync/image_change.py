"""A start on another image: from which to which is reported, and what a patch release keeps is taken over at once."""

from __future__ import annotations

import os
import time
from typing import Dict, Mapping, Optional

from melda.base import log, textfiles
from melda.base.log import Say
from melda.config import environ, upgrade
from melda.plugins import image_record, set_paths, state
from melda.sync import programs, snapshot_check
from melda.sync.at_start import AtStart
from melda.sync.server_side_copies import Request, Wanted
from melda.sync.synced_dir import SyncedDir
from melda.sync.upgrade_plan import Due, Project, Taken
from melda.sync.upgrade_record import NAME, WHOLE


class Moving:
    """What the sync daemon does once the packages of a project are here.

    Args:
        workdir: the project.
        local: folder on local disk with the folders that are kept in the bucket; empty: the project is a local folder.
        say: takes lines for the log.
        synced: the folders that are kept in the bucket, by name.
        known: what the bucket held; None: it is asked.
    """

    def __init__(
        self,
        workdir: str,
        local: str,
        say: Say,
        synced: Mapping[str, SyncedDir],
        known: Optional[AtStart],
    ) -> None:
        self._workdir, self._say, self._synced, self._known = workdir, say, synced, known
        self._project = Project(workdir, local, say, known)
        self._nothing = False  # is due
        self._unchanged = False  # the image is the one on which the project ran last, as far as can be known in no time
        self._request = Request(say)

    def take_over(self) -> None:
        """Take over what a patch release keeps, before Python and R start. Whatever lies there, it keeps nobody from starting."""
        try:
            variables = environ.load()
            if upgrade.mode(variables) == upgrade.AUTO:
                self._take_over(environ.image_layout(variables))
        except Exception as error:  # somebody else may have written anything there
            self._say(
                "what the project had on another image is not taken over: " + programs.shown(str(error), 300),
                log.WARNING,
            )

    def _take_over(self, place: environ.ImageLayout) -> None:
        targets = [os.path.basename(folder) for folder in set_paths.plugins(place) if folder]
        taken: Dict[Due, Taken] = {}
        every = self._project.due(targets)
        self._nothing = not every
        for due in every:
            if due.how != WHOLE:
                continue
            state.restoring()  # Python and R wait: it takes a second or two
            began = time.monotonic()
            taken[due] = self._project.take_over(due)
            took = time.monotonic() - began
            text = "{0}: {1} entries of {2} are taken over as they are ({3:.2f} s)"
            self._say(text.format(due.target, taken[due].entries, due.source, took))
        self._have_copied({due: one for due, one in taken.items() if due.target in self._synced and one.known.parts})

    def _have_copied(self, taken: Mapping[Due, Taken]) -> None:
        """Let S3 copy the archives, so that they need not be uploaded."""
        if taken:
            self._request.ask([Wanted(due.source, due.target, tuple(one.known.parts)) for due, one in taken.items()])
        for due, one in taken.items():
            self._synced[due.target].take_known(one.known, self._request.is_pending)

    def record(self) -> None:
        """Report from which image to which the project moved, and remember this one."""
        try:
            self._record(environ.image_layout(environ.load()))
        except Exception as error:  # as above
            self._say("on which image the project runs is not noted: " + programs.shown(str(error), 300), log.WARNING)

    def _record(self, place: environ.ImageLayout) -> None:
        now = image_record.here(place)._replace(installed=snapshot_check.stamp(place))
        new = self._known is not None and not self._known.holds(image_record.NAME)
        record = image_record.Record() if new else image_record.read(self._workdir)
        last = record.last
        line = image_record.difference(last, now)
        if line:
            self._say(line)
            state.write(line, state.IMAGE)
        # The number of the manifest stays until it is computed again, if this is the same image.
        known = last and image_record.same(last, now)
        image_record.write(self._workdir, now._replace(manifest=last.manifest) if last and known else now, record)
        self._unchanged = bool(last and known and last.installed == now.installed)
        self._settle(bool(known))

    def is_captured(self) -> bool:
        """Has the bucket a snapshot of what is here, or is nothing installed that anybody would look for in one?"""
        anything = any(folder.index.entries for folder in self._synced.values())
        return bool(self._synced) and snapshot_check.is_current(self._known, self._synced, self._unchanged, anything)

    def _settle(self, known: bool) -> None:
        """Note it, if there is nothing to carry over, now or from another time: nobody need look again, with requests.

        Args:
            known: did the project run on this image?
        """
        if self._known is None or not self._nothing or self._known.holds(NAME):
            return
        snapshots = any(name.startswith("environment.") for name in self._known.names() or [])
        if known or not (snapshots or self._known.holds(image_record.NAME)):
            textfiles.replace(state.SETTLED, "")
