"""The plugin folders' mounts while all runs: the kernel takes one away together with the folder of s3fs that it lies on.

It forgets that folder where S3 refuses to say what it is, and where somebody removes its object from the bucket; then what is
mounted there goes, too, for good (d_invalidate in https://docs.kernel.org/filesystems/porting.html).
"""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from melda.base import log, mounts, pressure, users

PAUSE, LOOK = 5.0, 0.5  # seconds between two looks, and until there is an answer


class Watch:
    """Looks now and then, and has mounted again what is gone.

    Args:
        paths: where something is to be mounted.
        mount: mounts some of these, in a process of root's, which may hang in S3 in our place.
    """

    def __init__(self, paths: Sequence[str], mount: Callable[[List[str]], None]) -> None:
        self._paths, self._mount = paths, mount
        self._lost: List[str] = []
        self._child: Optional[users.Child] = None
        self._complaints = pressure.Complaints(log.warn)

    def poll_once(self) -> float:
        """Look, or see what came of it; seconds until the next turn."""
        if self._child is None:
            there = {mount.path for mount in mounts.table()}
            lost = [path for path in self._paths if path not in there]
            if not lost:
                return PAUSE
            for path in lost:
                self._complaints.line(path, f"plugins: {path} is not on local disk any more: it is mounted again")
            self._lost, self._child = lost, users.Child(users.ROOT, lambda: self._mount(lost))
            return LOOK
        problem = self._child.answer()
        if problem is None:
            return LOOK
        self._child.close()
        self._child = None
        if problem:
            self._complaints.line(self, f"plugins: not mounted, and tried again: {problem}")
            return PAUSE
        self._complaints.recovered(self)
        for path in self._lost:
            self._complaints.recovered(path)
            log.line(f"plugins: {path} is on local disk again")
        return PAUSE
