"""One plugin folder, and what people are told of it."""

from __future__ import annotations

import contextlib
import os
from typing import Dict, List, Set, Tuple

from melda.base import log
from melda.base.log import Say
from melda.sync import programs
from melda.sync.in_bucket import manifest_limits
from melda.sync.on_disk import tree
from melda.sync.on_disk.tree import Entry
from melda.sync.restoring import Restoring


class Reporting(Restoring):
    """As :class:`Restoring`, and what became of its entries."""

    def __init__(self, name: str, local: str, bucket: str, say: Say, old: str) -> None:
        super().__init__(name, local, bucket, say, old)
        self.problem = ""
        self.left_out: Dict[str, str] = {}  # entries that are not saved as they are -> why
        self._reported: Set[Tuple[str, str]] = set()
        self._excess: Set[str] = set()  # entries for which the manifest has no room

    def failures(self) -> List[str]:
        """Return why this is no success, for people."""
        full = (
            f"not saved: {programs.names({os.path.basename(entry) for entry in self._excess})} ({manifest_limits.FULL})"
        )
        return list(filter(None, [self.problem, full if self._excess else "", self.ignored]))

    def _tell(self, found: Dict[str, Entry], left: Dict[str, str]) -> None:
        """Report once what is not kept, one line for all that share a reason."""
        lacks = {(entry, what) for entry, one in found.items() for what in (one.lacks, one.closed) if what}
        new: Dict[str, Set[str]] = {}
        for entry, why in left.items():
            if (entry, why) not in self._reported:
                new.setdefault(why, set()).add(os.path.basename(entry))
        for why, entries in sorted(new.items()):
            are = "is" if len(entries) == 1 else "are"
            self._say(f"{self.name}: {programs.names(entries)} {are} left out: {why}; all else is saved", log.ERROR)
        for _, what in sorted(lacks - self._reported):
            self._say(f"{self.name}: not kept: {programs.shown(what)}", log.ERROR)
        self._reported |= {*left.items(), *lacks}
        self.left_out = {**self._closed(found), **left}

    def _shut(self, found: Dict[str, Entry], left: Dict[str, str]) -> Dict[str, str]:
        """Return the folders of entries that cannot be read now, and what the bucket has of each: it stays there -> why."""
        why = {**left, **self._closed(found)}
        shut = {one: why[one] for one in why if self._layout.is_opened(one) and why[one] != tree.NO_FILE}
        inside = {
            entry: text for one, text in shut.items() for entry in self._saved.signatures if entry.startswith(one + "/")
        }
        return {**inside, **shut}

    @staticmethod
    def _closed(found: Dict[str, Entry]) -> Dict[str, str]:
        """Return entries of which something cannot be read -> what."""
        return {entry: programs.shown(one.closed) for entry, one in found.items() if one.closed}

    def _lost(self, missing: Dict[str, str]) -> str:
        """Report what may be missing in the bucket -> why."""
        missing = {entry: why for entry, why in missing.items() if os.path.basename(entry) != "__pycache__"}
        if not missing:
            return ""
        names = {os.path.basename(entry) or "what is in it" for entry in missing}
        names = {name for name in names if not name.endswith(".dist-info")} or names
        self.fail("not saved: {0} ({1})".format(programs.names(names), "; ".join(sorted(set(missing.values())))))
        return f"{self.name}: {self.problem}"

    def fail(self, problem: str) -> None:
        """Report a problem once."""
        if problem != self.problem:
            self._say(f"{self.name}: {problem}", log.ERROR)
        self.problem = problem

    def _is_still(self, entry: str, one: Entry) -> bool:
        with contextlib.suppress(OSError):
            return tree.signature(os.path.join(self.root, entry)) == one.signature
        return False

    def _of_saved(self, entry: str) -> str:
        return self._saved.signatures.get(entry, "")

    def _story(self, changed: List[str]) -> str:
        names = {os.path.basename(entry) for entry in changed if not entry.endswith(".dist-info")}
        return "{0} is saved in the bucket{1}".format(self.name, ": " + programs.names(names) if names else "")
