"""A start on another image: from which to which is reported, and what a patch release keeps is taken over at once."""

from __future__ import annotations

import os
import time
from typing import Callable

from melda.config import environ, upgrade
from melda.plugins import image_record, set_paths, state
from melda.sync import programs
from melda.sync.carried import WHOLE
from melda.sync.carry_over import Project

Say = Callable[[str], None]


class Moving:
    """What the sync daemon does once the packages of a project are here.

    Args:
        workdir: the project.
        local: folder on local disk with the folders that are kept in the bucket; empty: the project is a local folder.
        say: takes lines for the log.
    """

    def __init__(self, workdir: str, local: str, say: Say) -> None:
        self._workdir, self._say = workdir, say
        self._project = Project(workdir, local, say)

    def take_over(self) -> None:
        """Take over what a patch release keeps, before Python and R start. Whatever lies there, it keeps nobody from starting."""
        try:
            variables = environ.load()
            if upgrade.mode(variables) == upgrade.AUTO:
                self._take_over(environ.image_layout(variables))
        except Exception as error:  # somebody else may have written anything there
            self._say("what the project had on another image is not taken over: " + programs.shown(str(error), 300))

    def _take_over(self, place: environ.ImageLayout) -> None:
        targets = [os.path.basename(folder) for folder in set_paths.plugins(place) if folder]
        for due in self._project.due(targets):
            if due.how != WHOLE:
                continue
            state.restoring()  # Python and R wait: it takes a second or two
            began = time.monotonic()
            count = self._project.take_over(due)
            took = time.monotonic() - began
            self._say(f"{due.target}: {count} entries of {due.source} are taken over as they are ({took:.2f} s)")

    def record(self) -> None:
        """Report from which image to which the project moved, and remember this one."""
        try:
            self._record(environ.image_layout(environ.load()))
        except Exception as error:  # as above
            self._say("on which image the project runs is not noted: " + programs.shown(str(error), 300))

    def _record(self, place: environ.ImageLayout) -> None:
        now, last = image_record.here(place), image_record.read(self._workdir).last
        line = image_record.difference(last, now)
        if line:
            self._say(line)
            state.write(line, state.IMAGE)
        # The number of the manifest stays until it is computed again, if this is the same image.
        known = last and image_record.same(last, now)
        image_record.write(self._workdir, now._replace(manifest=last.manifest) if last and known else now)
