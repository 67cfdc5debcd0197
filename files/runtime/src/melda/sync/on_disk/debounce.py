"""Which entries of a plugin folder are quiet, and which are noisy: a noisy entry does not delay the others."""

from __future__ import annotations

from typing import Collection, Dict, Mapping, Set

QUIET = 2.0  # seconds without a change after which an installation is over
GRACE = 10.0  # seconds that the others wait for an entry that changes: it may belong to the same installation
NOISY = 60.0  # seconds after which an entry is reported as noisy
FORGOTTEN = 600.0  # seconds after which it is of no interest when an entry went


class Quiet:
    """What was seen of each entry, and when it changed. Times are of a clock that only goes forward."""

    def __init__(self) -> None:
        self._seen: Dict[str, str] = {}
        self._changed: Dict[str, float] = {}
        self._noisy: Dict[str, float] = {}  # since when, without a pause

    def note(self, found: Mapping[str, str], now: float) -> None:
        """Take down what entries there are, with their signatures."""
        for entry in found.keys() | self._seen.keys() | self._noisy.keys():
            if found.get(entry) != self._seen.get(entry):
                self.touch([entry], now)
            elif self.seconds(entry, now) >= QUIET:
                self._noisy.pop(entry, None)
        for entry in self._changed.keys() - found.keys() - self._noisy.keys():
            if self.seconds(entry, now) > FORGOTTEN:  # gone, and quiet
                del self._changed[entry]
        self._seen = dict(found)

    def touch(self, entries: Collection[str], now: float) -> None:
        """Take note that these have changed."""
        for entry in entries:
            self._changed[entry] = now
            self._noisy.setdefault(entry, now)

    def seconds(self, entry: str, now: float) -> float:
        """Return how long it has been as it is."""
        return now - self._changed.get(entry, float("-inf"))

    def noisy(self, now: float, least: float = 0.0) -> Set[str]:
        """Entries that have been changing for ``least`` seconds, and are not quiet yet."""
        return {entry for entry, since in self._noisy.items() if now - since >= least}
