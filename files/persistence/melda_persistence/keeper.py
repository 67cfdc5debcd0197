"""The keeper: a process of the user's that brings the plugin folders back when a container starts, and saves them.

It is the user's, because all it reads was written by the user, or by whoever can write the project.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from typing import List

from melda_runtime import edit, environment, log, oom, paths

from melda_persistence import state
from melda_persistence.apt import Packages
from melda_persistence.capture import Capture
from melda_persistence.folder import Folder
from melda_persistence.installers import running

PAUSE = 1.0  # seconds between two looks


def say(text: str) -> None:
    """Write a line to the container's log."""
    log.line("plugins: " + text)


class Keeper:
    """All folders, and apt's packages.

    Args:
        folders: what is kept; none: the project is no bucket, and they are in it as they are.
        packages: apt's.
        capture: writes down what is installed, where folders are kept.
    """

    def __init__(self, folders: List[Folder], packages: Packages, capture: Capture) -> None:
        self._folders, self._packages, self._capture = folders, packages, capture
        self._problem = ""
        self._busy = False
        self._stopping = threading.Event()

    def stop(self, *_: object) -> None:
        """SIGTERM: save what is not saved, and end; while packages are being brought back, end at once."""
        if self._busy:
            os._exit(0)
        self._stopping.set()

    def restore(self) -> None:
        """Bring all folders back that are not here yet."""
        todo = [folder for folder in self._folders if not folder.restored]
        if not todo:
            return
        state.write("restoring")
        began = time.monotonic()
        self._busy = True
        threads = [threading.Thread(target=self._restore, args=(folder,)) for folder in todo]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._busy = False
        if all(folder.restored for folder in self._folders):
            place = environment.place(environment.load())
            # While Python and R wait nobody can be installing.
            paths.in_project(place, paths.plugins(place), mend=os.path.exists(state.RESTORING))
            say("the packages of the project are here ({0:.2f} s)".format(time.monotonic() - began))

    @staticmethod
    def _restore(folder: Folder) -> None:
        try:
            folder.restore()
            folder.problem = ""
        except OSError as error:
            problem = "not brought back: {0}".format(error.strerror or error)
            if problem != folder.problem:
                say("{0}: {1}".format(folder.name, problem))
            folder.problem = problem

    def turn(self) -> None:
        """Look at everything once."""
        for folder in self._folders:
            if folder.restored:
                folder.look(time.monotonic())
        try:
            self._packages.look()
            self._problem = ""
        except OSError as error:
            if not self._problem:
                say("the list of apt's packages is not saved: {0}".format(error.strerror))
            self._problem = "the list of apt's packages is not saved"
        if self._folders and all(folder.restored and not folder.dirty for folder in self._folders):
            self._capture.look(self._installed())
        state.write(self.line())

    def _installed(self) -> object:
        """Another value when something else is installed than before."""
        return [folder.saved_at for folder in self._folders], self._packages.stamp

    def line(self) -> str:
        """How things stand."""
        problems = ["{0}: {1}".format(folder.name, folder.problem) for folder in self._folders if folder.problem]
        problems += [self._problem] if self._problem else []
        if problems:
            return "failed: " + "; ".join(problems)
        if any(folder.dirty for folder in self._folders):
            return "saving"
        if not self._folders:
            return state.LOCAL
        last = max(folder.saved_at for folder in self._folders)
        return "saved" + (time.strftime(" at %H:%M:%S UTC", time.gmtime(last)) if last else "")

    def run(self) -> None:
        """Until SIGTERM."""
        signal.signal(signal.SIGTERM, self.stop)
        self.restore()
        # Whatever came of it: kernels start with what is there.
        state.restored()
        self._packages.restore()
        again = 5.0
        due = time.monotonic() + again
        while not self._stopping.wait(PAUSE):
            if time.monotonic() > due:
                self.restore()
                again = min(2 * again, 60.0)
                due = time.monotonic() + again
            self.turn()
        cut_off = edit.read(state.CUT_OFF)
        for folder in self._folders:
            folder.finish(cut_off)
        with contextlib.suppress(OSError):
            self._packages.look()
        if self._folders and all(folder.restored for folder in self._folders):
            self._capture.finish(self._installed())


def main() -> int:
    """Command line: the folders to be kept, as start-jupyter gives it."""
    parser = argparse.ArgumentParser(prog="keep-plugins")
    parser.add_argument("--local", required=True, help="folder in which the plugin folders lie")
    parser.add_argument("--project", required=True, help="the project's folder")
    parser.add_argument("--old", required=True, help="where the project lies without the plugin folders over it")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(sys.argv[1:])
    oom.offer_children()
    kept = os.path.join(given.project, state.KEPT)

    def old(name: str) -> str:
        path = os.path.join(given.old, name)
        try:
            return path if os.listdir(path) else ""
        except OSError:
            return ""

    folders = [Folder(name, given.local, kept, say, running, old(name)) for name in given.names]
    capture = Capture(os.path.join(kept, state.CAPTURE), say)
    Keeper(folders, Packages(os.path.join(kept, "apt.json"), say), capture).run()
    return 0
