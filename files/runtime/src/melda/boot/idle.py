"""Ends a container in which nothing has been done for IDLE_SECONDS, and in which everything is saved."""

from __future__ import annotations

import json
import re
from typing import Callable, Optional

from melda.base import log, users
from melda.boot import health
from melda.web import probe

LOOK = 0.5  # seconds between two looks whether there is an answer
LONGEST_PAUSE = 15.0
SECONDS = 10.0  # for the answer


def ask() -> None:
    """Ask the version service, as the user; what a child raises is its answer.

    Raises:
        OSError: ``idle N``, or why it is not known.
    """
    status, body = probe.get(health.SOCKET, "/activity", SECONDS)
    try:
        raise OSError("idle {0:d}".format(int(json.loads(body)["idle_seconds"])))
    except (ValueError, KeyError, TypeError):
        raise OSError(f"HTTP {status}") from None


class IdleWatch:
    """Asks now and then; who is not answered waits: a container is ended for what is known alone.

    Args:
        user: who asks; the answer is a process of the user's, who may end the container anyway.
        seconds: IDLE_SECONDS.
        end: called when it is over.
    """

    def __init__(self, user: users.Account, seconds: int, end: Callable[[], None]) -> None:
        self._user, self._seconds, self._end = user, seconds, end
        self._child: Optional[users.Child] = None

    def poll_once(self) -> Optional[float]:
        """Ask, or look for the answer; seconds until the next turn, None for no more."""
        if self._child is None:
            self._child = users.Child(self._user, ask)
            return LOOK
        answer = self._child.answer()
        if answer is None:
            return LOOK
        self._child.close()
        self._child = None
        idle = re.fullmatch(r"idle ([0-9]{1,9})", answer)
        if not idle or int(idle.group(1)) < self._seconds:
            return min(LONGEST_PAUSE, max(LOOK, self._seconds / 4))
        log.line(
            f"nothing has been done for {idle.group(1)} s: the container ends, as IDLE_SECONDS={self._seconds} asks"
        )
        self._end()
        return None
