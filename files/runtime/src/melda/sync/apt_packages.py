"""The R packages that bspm installed through apt: remembered in the project, installed again in the next container."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import time
from typing import Collection, FrozenSet, Optional, Tuple

from melda.base import folders, log, regular_files, textfiles
from melda.base.log import Say
from melda.base.paths import BSPM_RECORD, BUS_INTERFACE, BUS_NAME, BUS_PATH
from melda.sync import programs
from melda.sync.in_bucket.generations import integer
from melda.sync.on_disk import tree

RECORD = BSPM_RECORD  # bspm's service keeps it
DPKG = "/var/lib/dpkg/info"  # NAME.list of what is installed
LARGEST = 1 << 20  # bytes of the list
MOST = 2000
STALE = 120.0  # seconds: what another container wrote is seen a minute later, and it may write over ours meanwhile
# As the service checks R's names: one that it refuses would keep all others from being installed.
NAME = re.compile(r"r-(cran|bioc)-[a-z][a-z0-9.]{0,80}[a-z0-9]")
SECONDS = 1800
LATER = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # no process, memory or descriptor is left
# The service is the system's own way for the user: it takes R packages' names, whatever case, and checks them.
CALL = (
    "busctl", f"--timeout={SECONDS}", "call", BUS_NAME,
    BUS_PATH, BUS_INTERFACE, "install", "ias",
)  # fmt: skip

Names = FrozenSet[str]


def names(text: str) -> Names:
    """Return the names of Debian packages in a list that anybody may have written; what is none is skipped."""
    try:
        found = json.loads(text, parse_int=integer)["packages"]
        return frozenset(name for name in found[:MOST] if isinstance(name, str) and NAME.fullmatch(name))
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError):
        return frozenset()


def listed(path: str) -> Names:
    """Return the list in a file; empty where there is none, or something that is none.

    Raises:
        OSError: it cannot be read now: the bucket does not answer.
    """
    return names(regular_files.read_if_any(path, LARGEST).decode("utf-8", "replace"))


class Packages:
    """The list in the project, and what is installed in this container.

    Args:
        project: path of the list.
        say: takes lines for the log.
        record: what bspm's service says is installed.
        beside: the names in the list's folder, for the first look; None: that looks by itself.
    """

    def __init__(self, project: str, say: Say, record: str = RECORD, beside: Optional[Collection[str]] = None) -> None:
        self._project, self._say, self._record, self._beside = project, say, record, beside
        self._missing: Names = frozenset()  # wanted, and not to be had at the moment
        self._of_image: Names = frozenset()  # wanted by another image, and part of this one
        self._installing: Optional[subprocess.Popen[bytes]] = None
        self._told = b""  # by what is running
        self._unread = False  # the list in the project could not be read: nothing may be written over it
        self._again = False  # it could not be started, and may be later
        self.stamp: Tuple[int, ...] = ()  # changes with what is installed
        self._mine: Names = frozenset()  # what this container has put into the list, or found there
        self._put: Names = frozenset()  # of that: what it has put there, and not seen there since
        self._due = 0.0  # seconds of time.monotonic() after which it looks

    def restore(self) -> None:
        """Begin to install what the list has and this container has not, in one transaction.

        Raises:
            OSError: the list cannot be read; :meth:`poll` tries it again.
        """
        self._unread = True
        # A list of the folder is one request of s3fs's; to ask for a file that is not there, as in most projects, is four.
        beside, self._beside = self._beside, None
        beside = tree.listed(os.path.dirname(self._project)) if beside is None else beside
        self._mine = listed(self._project) if os.path.basename(self._project) in beside else frozenset()
        left = self._mine - listed(self._record)
        self._of_image = frozenset(name for name in left if os.path.exists(os.path.join(DPKG, name + ".list")))
        self._missing = left - self._of_image
        self._unread = False
        if not self._missing:
            return
        self._say(f"installing {programs.names(self._missing)} again through apt")
        self._start()

    def _start(self) -> None:
        wanted = sorted(name.split("-", 2)[2] for name in self._missing)
        again, self._again, self._told = self._again, False, b""
        try:
            self._installing = programs.start((*CALL, str(os.getpid()), str(len(wanted)), *wanted))
        except OSError as error:
            self._again = error.errno in LATER
            if not again:
                self._say(f"apt's packages cannot be installed again: {error.strerror}", log.WARNING)

    def poll(self) -> None:
        """Bring the list up to date, if anything was installed or removed.

        Raises:
            OSError: the list cannot be read or written.
        """
        if self._unread:
            self.restore()
        if self._again:
            self._start()
        over = self._installing and self._installing.poll() is not None
        if self._installing:
            self._told = programs.said(self._installing, self._told)
        if self._installing and over:
            if self._installing.stderr:
                self._installing.stderr.close()
            self._installing = None
            self._missing -= listed(self._record)
            if self._missing:
                reason = programs.last_line(self._told) or "apt does not have them"
                self._say(f"not installed again through apt: {programs.names(self._missing)}: {reason}", log.WARNING)
        if not self._installing:
            self._update()

    def flush(self) -> None:
        """Do the same, now or never: nothing is installed any more.

        Raises:
            OSError: the list cannot be read or written, and lacks something.
        """
        if not self._unread or listed(self._record):
            self._update(last=True)

    def _update(self, last: bool = False) -> None:
        try:
            found = os.stat(self._record)
        except OSError:
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        again = stamp == self.stamp
        if again and not (self._put and (last or time.monotonic() >= self._due)):
            return
        # Another container of the project may have written the list meanwhile: what is not ours stays.
        mine, theirs = listed(self._record) | self._missing | self._of_image, listed(self._project)
        put = self._put & mine
        wanted = theirs | put if again else mine | (theirs - self._mine)
        if wanted != theirs:
            folders.make(os.path.dirname(self._project))
            textfiles.replace(self._project, json.dumps({"packages": sorted(wanted)}, indent=1) + "\n")
            self._due = time.monotonic() + STALE
        self._put = wanted - theirs if again else put | (wanted - theirs)
        self._mine, self.stamp = mine, stamp
