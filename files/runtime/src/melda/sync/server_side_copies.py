"""Archives that S3 copies from one plugin folder of the bucket to another one: nothing of them comes by here.

The sync daemon has no keys. It writes down what it wants; a process of root's, which has them, has it copied, within the
project, see copy_archives.py. What is not copied in time is uploaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Collection, List, NamedTuple, Optional, Tuple

from melda.base import log, regular_files, textfiles, users
from melda.base.log import Say
from melda.base.paths import RUN
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import SRC, Settings, for_root
from melda.plugins import state
from melda.sync import fork_of, upgrade_record
from melda.sync.in_bucket import generations

NAME = "archive copy"
DONE = RUN + "/copies.json"  # how far it is; root's
LARGEST, MOST = 1 << 16, 1000  # bytes of a request, archives in it
PAUSE, LONGEST = 1.0, 330.0  # seconds between two looks for a request, and until none is waited for: see sync.daemon
PATIENCE = 60.0  # seconds until what S3 has not copied is uploaded


class Wanted(NamedTuple):
    """Archives of the plugin folder ``source`` that ``target`` is to have, too."""

    source: str
    target: str
    parts: Tuple[str, ...]


class Request:
    """Of the sync daemon's: what is to be copied, and whether it is worth waiting for.

    Args:
        say: takes lines for the log.
    """

    def __init__(self, say: Say) -> None:
        self._say, self._until = say, float("-inf")

    def ask(self, wanted: Collection[Wanted]) -> None:
        """Ask for copies.

        Raises:
            OSError: it cannot be written.
        """
        textfiles.replace(state.COPIES, json.dumps(list(wanted)))
        self._until = time.monotonic() + PATIENCE

    def is_pending(self) -> bool:
        """Are copies being made that are worth waiting for?"""
        if self._until == float("-inf"):
            return False
        done = fork_of.copied(DONE, fork_of.Copied(False))
        if not done.over and time.monotonic() < self._until:
            return True
        self._until = float("-inf")
        why = done.problem or ("" if done.over else f"it takes longer than {PATIENCE:.0f} s")
        if why:
            self._say(f"S3 did not copy the archives, so they are uploaded: {why}", log.WARNING)
        else:
            self._say("S3 has copied the archives")
        return False


def _wanted(found: object) -> List[Wanted]:
    """Check what is asked for: the file is the user's.

    Raises:
        TypeError, ValueError: it is no request.
    """
    every = [Wanted(source, target, tuple(parts)) for source, target, parts in found]  # type: ignore[attr-defined]
    for one in every:
        if one.source == one.target or not upgrade_record.same_series(one.source, one.target):
            raise ValueError(one.target)
        if len(one.parts) > MOST or not all(generations.NAME.fullmatch(part) for part in one.parts):
            raise ValueError("parts")
    return every


def requested() -> List[Wanted]:
    """Return what the sync daemon asks for; nothing, where it asks for nothing or something else is in its place."""
    try:
        return _wanted(json.loads(regular_files.read(state.COPIES, LARGEST, follow=False)))
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def watch(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
    """Look for a request, as long as one may come, and have it done.

    Args:
        bucket: with its keys.
        settings: of the container.
        supervisor: runs what copies.
    """
    with contextlib.suppress(OSError):
        os.unlink(DONE)  # of the start before
    until = time.monotonic() + LONGEST
    made: List[Service] = []

    def look() -> Optional[float]:
        if requested():
            # Tried again each second where no process is left: each service has a descriptor of its own.
            if not made:
                made.append(_copying(bucket, settings))
            supervisor.start(made[0])
            return None
        return PAUSE if time.monotonic() < until else None

    supervisor.call_later(PAUSE, look)


def _copying(bucket: Bucket, settings: Settings) -> Service:
    argv = (*fork_of.PYTHON, os.path.join(SRC, "copy-archives"))
    return Service(NAME, argv, users.ROOT, for_root(settings), oneshot=True, stdin=fork_of.handed_over(bucket))
