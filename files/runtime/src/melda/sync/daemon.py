"""The sync daemon: a process of the user's that restores the plugin folders when a container starts, and saves them.

It is the user's, because all it reads was written by the user, or by whoever can write the project.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from typing import Dict, List, Optional

from melda.base import log, oom
from melda.base.errors import EXIT_UNSAVED
from melda.config import environ
from melda.plugins import set_paths, state
from melda.sync import at_start, programs
from melda.sync.apt_packages import Packages
from melda.sync.capture import Capture
from melda.sync.image_change import Moving
from melda.sync.on_disk import unfinished_files
from melda.sync.on_disk.debounce import QUIET
from melda.sync.on_disk.installers import running
from melda.sync.synced_dir import SyncedDir

PAUSE = 1.0  # seconds between two looks
SHOWN = 3  # skipped entries, in a line
STALLED = 60.0  # seconds in which nothing of a folder comes: it is reported, and waited for no more
LAST_TRY = 1.0  # seconds that restoring may take when the container stops
LONGEST_WAIT = 300.0  # seconds after the start until which Python and R wait for what comes; also in melda_plugins.py


def say(text: str, level: str = log.INFO) -> None:
    """Write a line to the container's log."""
    log.line("plugins: " + text, level)


def _reason(error: Exception) -> str:
    """Of an error, for people."""
    return programs.shown(str(getattr(error, "strerror", None) or error) or type(error).__name__, 300)


class SyncDaemon:
    """All folders, and apt's packages.

    Args:
        folders: what is kept; none: the project is no bucket, and they are in it as they are.
        packages: apt's.
        capture: writes down what is installed, where folders are kept.
        moving: what a project needs that ran on another image before.
    """

    def __init__(
        self, folders: List[SyncedDir], packages: Packages, capture: Capture, moving: Optional[Moving] = None
    ) -> None:
        self._folders, self._packages, self._capture, self._moving = folders, packages, capture, moving
        self._problem = ""
        self._threads: Dict[str, threading.Thread] = {}
        self._began = time.monotonic()
        self._here = False  # all of it was restored
        self._stopping = threading.Event()

    def stop(self, *_: object) -> None:
        """SIGTERM: save what is not saved, and end; packages that are being restored are waited for no more."""
        self._stopping.set()

    def restore(self) -> None:
        """Restore all folders that are not here yet; what makes no progress is left to itself, and tried again."""
        todo = [folder for folder in self._folders if not folder.restored]
        if todo:
            state.write("restoring")
            for folder in todo:
                self._begin(folder)
            for folder in todo:
                self._wait(folder)
        if self._folders and not self._here and all(folder.restored for folder in self._folders):
            self._here = True
            try:
                place = environ.image_layout(environ.load())
                # While Python and R wait nobody can be installing.
                repair = os.path.exists(state.RESTORING)
                for problem in set_paths.in_project(place, set_paths.plugins(place), repair=repair):
                    say(programs.shown(problem, 300), log.WARNING)
            except Exception as error:  # whatever lies there
                say(f"the folders of the project cannot be made whole: {_reason(error)}", log.WARNING)
            say(f"the packages of the project are here ({time.monotonic() - self._began:.2f} s)")

    def _begin(self, folder: SyncedDir) -> None:
        if self._hangs(folder):
            return
        self._threads[folder.name] = threading.Thread(target=self._restore, args=(folder,), daemon=True)
        folder.moved()
        try:
            self._threads[folder.name].start()
        except RuntimeError as error:  # no thread more can be started
            del self._threads[folder.name]
            folder.fail(f"not restored: {error}")

    def _wait(self, folder: SyncedDir) -> None:
        thread = self._threads.get(folder.name)
        while thread is not None and thread.is_alive() and not self._stopping.is_set():
            thread.join(0.05)
            silent = time.monotonic() - folder.moved_at
            if thread.is_alive() and silent > STALLED:
                folder.fail(f"not restored: nothing came for {STALLED:.0f} s")
                return
            if thread.is_alive() and time.monotonic() - self._began > LONGEST_WAIT:
                folder.fail(f"not restored yet: it takes longer than {LONGEST_WAIT:.0f} s")
                return  # it goes on; kernels start with what is there

    @staticmethod
    def _restore(folder: SyncedDir) -> None:
        try:
            folder.restore()
            folder.problem = ""
        except Exception as error:  # whatever lies in the bucket: the others go on
            folder.fail(f"not restored: {_reason(error)}")

    def is_restoring(self) -> bool:
        """Is a thread restoring something?"""
        return any(thread.is_alive() for thread in self._threads.values())

    def poll_once(self) -> None:
        """Look at everything once."""
        for folder in self._folders:
            if folder.restored:
                try:
                    folder.poll(time.monotonic())
                except Exception as error:  # whatever lies in it: the others go on
                    folder.fail(f"not saved: {_reason(error)}")
        try:
            self._packages.poll()
            self._problem = ""
        except Exception as error:
            if not self._problem:
                say(f"the list of apt's packages is not saved: {_reason(error)}", log.ERROR)
            self._problem = "the list of apt's packages is not saved"
        if self._folders and all(folder.restored and not folder.dirty for folder in self._folders):
            self._capture.poll(self._installed())
        state.write(self.line())

    def _installed(self) -> object:
        """Another value when something else is installed than before."""
        return [folder.saved_at for folder in self._folders], self._packages.stamp

    def line(self) -> str:
        """Return how things stand."""
        problems = [f"{folder.name}: {why}" for folder in self._folders for why in folder.failures()]
        problems += [self._problem] if self._problem else []
        if problems:
            return "failed: " + "; ".join(problems)
        if any(folder.dirty for folder in self._folders):
            return "saving"
        if not self._folders:
            return state.LOCAL
        last = max(folder.saved_at for folder in self._folders)
        at = time.strftime(" at %H:%M:%S UTC", time.gmtime(last)) if last else ""
        return "; ".join(["saved" + at, *(self._left_out(folder) for folder in self._folders if folder.left_out)])

    @staticmethod
    def _left_out(folder: SyncedDir) -> str:
        left = sorted(folder.left_out.items())
        shown = [f"{programs.shown(os.path.basename(entry))} ({why})" for entry, why in left[:SHOWN]]
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        return "left out of {0}: {1}{2}".format(folder.name, ", ".join(shown), more)

    def _resume(self, since: float) -> None:
        """Take over from a sync daemon that was killed; nobody waits for what it had restored."""
        for folder in self._folders:
            try:
                folder.resume(since)
            except Exception as error:  # whatever lies in it: it is restored
                folder.fail(f"not as it was left: {_reason(error)}")

    def run(self) -> bool:
        """Until SIGTERM; then as :meth:`flush`."""
        signal.signal(signal.SIGTERM, self.stop)
        if not os.path.exists(state.RESTORING):
            self._resume(time.monotonic())
        self.restore()
        here = all(folder.restored for folder in self._folders) and not self._stopping.is_set()
        if here and self._moving:
            self._moving.take_over()
        # Whatever came of it: kernels start with what is there.
        state.restored()
        if here and self._moving:
            self._moving.record()
        if here and self._moving and self._moving.is_captured():
            self._capture.take(self._installed())
        if not self._stopping.is_set():
            try:
                self._packages.restore()
            except OSError as error:
                say(f"the list of apt's packages cannot be read: {_reason(error)}", log.WARNING)
        again = 5.0
        due = time.monotonic() + again
        while not self._stopping.wait(PAUSE):
            if time.monotonic() > due:
                self.restore()
                again = min(2 * again, 60.0)
                due = time.monotonic() + again
            self.poll_once()
        return self.flush()

    def last(self) -> bool:
        """In the place of a sync daemon that was killed, when all others have ended: as :meth:`flush`."""
        self._resume(time.monotonic() - QUIET)
        return self.flush()

    def flush(self) -> bool:
        """Save what is left, now or never.

        Returns:
            Whether nothing is missing in the bucket.
        """
        interrupted = state.text(state.INTERRUPTED) or "a program, as nobody could look,"
        interrupted = "" if interrupted == state.NOBODY else interrupted
        missing = [self._finish(folder, interrupted) for folder in self._folders]
        try:
            self._packages.flush()
        except Exception as error:
            missing.append(f"the list of apt's packages is not saved: {_reason(error)}")
            say(missing[-1], log.ERROR)
        if self._folders and all(folder.restored for folder in self._folders):
            missing.append(self._capture.flush(self._installed(), state.deadline()))
        missing = list(filter(None, missing))
        state.write("failed: " + "; ".join(missing) if missing else self.line())
        return not missing

    def _finish(self, folder: SyncedDir, interrupted: str) -> str:
        """Return what of a folder may be missing, for people."""
        try:
            if not folder.restored and folder.unknown():
                self._begin(folder)
                if folder.name in self._threads:
                    self._threads[folder.name].join(LAST_TRY)
            return folder.flush(interrupted, time.monotonic())
        except Exception as error:  # whatever lies in it: the others are saved
            folder.fail(f"not saved: {_reason(error)}")
            return f"{folder.name}: {folder.problem}"

    def _hangs(self, folder: SyncedDir) -> bool:
        thread = self._threads.get(folder.name)
        return thread is not None and thread.is_alive()


def main() -> int:
    """Command line: the folders to be kept, as start-jupyter gives it."""
    parser = argparse.ArgumentParser(prog="plugin-sync")
    parser.add_argument("--local", required=True, help="folder in which the plugin folders lie")
    parser.add_argument("--project", required=True, help="the project's folder")
    parser.add_argument("--old", required=True, help="where the project lies without the plugin folders over it")
    parser.add_argument(state.LAST, action="store_true", help="save what is left, and end")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(sys.argv[1:])
    oom.offer_children()
    ours = os.path.join(given.project, state.PROJECT_STATE)

    known = at_start.read() if given.names and not given.last else None
    if known or not given.names:  # else it would be a request, or more
        unfinished_files.remove(ours, known.names() if known else None)
    unfinished_files.remove(given.local, None)

    def old(name: str) -> str:
        if known and name in known.made:
            return ""
        path = os.path.join(given.old, name)
        try:
            return path if os.listdir(path) else ""
        except OSError:
            return ""

    folders = [SyncedDir(name, given.local, ours, say, running, old(name)) for name in given.names]
    for folder in folders:
        folder.expect(known.names(folder.name) if known else None)
    capture = Capture(os.path.join(ours, state.CAPTURE), say)
    moving = Moving(
        given.project, given.local if folders else "", say, {folder.name: folder for folder in folders}, known
    )
    packages = Packages(os.path.join(ours, "apt.json"), say, beside=known.names() if known else None)
    daemon = SyncDaemon(folders, packages, capture, moving)
    saved = daemon.last() if given.last else daemon.run()
    if daemon.is_restoring():  # it would be waited for
        os._exit(0 if saved else EXIT_UNSAVED)
    return 0 if saved else EXIT_UNSAVED
