"""One plugin folder: restored from the bucket, watched, saved."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from typing import BinaryIO, Callable, Collection, Dict, List, Set, Tuple

from melda.base.log import Say
from melda.sync import exchange, programs
from melda.sync.in_bucket import archive, generations, manifest_limits
from melda.sync.in_bucket.generations import EntryRef, Generation
from melda.sync.in_bucket.store import BAD
from melda.sync.on_disk import debounce, distributions, half_written, local_index, tree
from melda.sync.on_disk.debounce import QUIET, Quiet
from melda.sync.on_disk.local_index import LocalIndex
from melda.sync.reporting import Reporting

SCAN = 60.0  # seconds after which all files are looked at, should the folders' times not tell
RESCAN = 10.0  # the same while a noisy entry is skipped
TIMEOUT = half_written.SETTLED  # seconds of quiet after which it is saved though an installation seems to go on
RETRY, LONGEST_RETRY = 5.0, 60.0  # seconds after which a failed upload is tried again
LARGEST_ENTRY = 64 << 30  # bytes
NOISY = "it changes all the time"
BESIDE = "part of a package of which something is left out"
ATTEMPTS = 3  # of the last save, each without what changed during the one before


class SyncedDir(Reporting):
    """A folder of this container, and its generations in the bucket.

    Args:
        name, local, bucket, say, old: as for :class:`Restoring`.
        installing: names an installation that is running; empty if there is none.
    """

    DAMAGED = "damaged and set aside when the rest is saved"

    def __init__(
        self, name: str, local: str, bucket: str, say: Say, installing: Callable[[], str], old: str = ""
    ) -> None:
        super().__init__(name, local, bucket, say, old)
        self.dirty = False
        self.saved_at = 0.0  # seconds since 1970; 0: it was not saved in this container
        self._local, self._installing = local, installing
        self._stamp: Tuple[int, ...] = ()
        self._quiet = Quiet()
        self._sign = ("", 0.0)  # of an installation in the folder, and since when
        self._refused: Dict[str, str] = {}  # entry -> signature; its archive would not be safe to unpack
        self._scanned = self._due = float("-inf")
        self._free = float("inf")  # when nobody else held the folder, as far as is known
        self._retry, self._often = RETRY, SCAN
        self._unarchived: Set[str] = set()  # entries that could not be archived at the last attempt
        self._beside: Set[str] = set()  # entries that are not here, and must stay in the manifest
        self._copying: Callable[[], bool] = lambda: False

    def restore(self) -> None:
        """As :meth:`Restoring.restore`; whoever has what was in a damaged archive is to find it gone, and save it again."""
        super().restore()
        with contextlib.suppress(OSError):
            self._store.set_aside({part for parts in self.damaged.values() for part in parts})

    def poll(self, now: float) -> None:
        """Save what has changed and is quiet, if nobody is installing; to be called every second or so.

        Args:
            now: seconds of a clock that only goes forward.
        """
        stamp = self._layout.stamp(self.root)
        if self._copying():
            return
        if now < self._due or (stamp == self._stamp and not self.dirty and now - self._scanned < self._often):
            return
        self._stamp, self._scanned = stamp, now
        try:
            with exchange.held(self._layout, self.root, self._say):
                self._look(now)
            self._free = now
        except exchange.Busy as error:
            self.dirty, self._free = True, min(now, self._free)
            if now - self._free > TIMEOUT:
                self.fail(f"not saved: {error}")
        except OSError as error:
            self._due = now + self._retry
            self._retry = min(2 * self._retry, LONGEST_RETRY)
            self.fail(f"not saved: {error.strerror or error}")

    def _look(self, now: float) -> None:
        """Save what is to be saved now; nobody else changes the folder as a whole meanwhile. As for :meth:`poll`."""
        found, left = self._survey()
        self._quiet.note({entry: one.signature for entry, one in found.items()}, now)
        pending = self._pending(found, left)
        busy = bool(pending) and bool(self._sign_of(now) or self._installing())
        noisy = self._quiet.noisy(now, TIMEOUT if busy else debounce.GRACE) & pending
        reported = self._quiet.noisy(now, TIMEOUT if busy else debounce.NOISY) & noisy
        self._often = RESCAN if reported else SCAN
        deferred = self._together(noisy | set(left))
        beside = self._together(reported | set(left)) & pending - reported
        left.update({**dict.fromkeys(reported, NOISY), **dict.fromkeys(beside, BESIDE)})
        self._tell(found, left)
        later = pending - self._together(set(left))
        self.dirty = bool(later) or self._merged
        self.problem = self.problem if self.dirty else ""
        ready = self._ready(pending, deferred, busy, now)
        if (ready or (self._merged and not pending - deferred)) and not self._save(found, ready, in_time=True):
            self.dirty = bool(later - ready)
            self.problem, self._retry = "", RETRY

    def take_known(self, known: LocalIndex, copying: Callable[[], bool]) -> None:
        """Take it that what came from another folder lies in archives that S3 copies: it need not be uploaded.

        Args:
            known: the archives.
            copying: are they being copied? Nothing is saved meanwhile.
        """
        if not self._saved.heads:
            self._saved = known
            self._merged = self.dirty = True
            self._copying = copying

    def resume(self, since: float) -> bool:
        """As :meth:`Restoring.reread`.

        Args:
            since: when what is here was last seen to change, by the clock of :meth:`poll`.
        """
        if not self.reread():
            return False
        self._quiet.note(tree.signatures(self._layout, self.root), since)
        return True

    def flush(self, interrupted: str, now: float) -> str:
        """Save what is not saved yet, now or never; what a killed melda-env back left is put back first.

        Args:
            interrupted: the installation that was ended; empty: none was. What is not whole is not saved.
            now: as for :meth:`poll`.

        Returns:
            What may be missing in the bucket, for people; empty: nothing.
        """
        try:
            if not self.restored:
                return self._lost(dict.fromkeys(self.unknown(), "what the bucket has was not restored"))
            with exchange.held(self._layout, self.root, self._say, seconds=exchange.LAST):
                return self._flush(interrupted, now)
        except OSError as error:
            return self._lost({"": str(error.strerror or error)})

    def _flush(self, interrupted: str, now: float) -> str:
        found, left = self._survey()
        self._quiet.note({entry: one.signature for entry, one in found.items()}, now)
        interrupted = interrupted or self._sign_of(now)
        why = f"{programs.shown(interrupted)} was interrupted; what it did is not kept" if interrupted else NOISY
        try:
            pending = self._pending(found, left)
            groups = self._groups()
            deferred = distributions.closure(set(left), groups) | half_written.doubtful(
                self._layout,
                self.root,
                pending,
                groups,
                lambda entry: self._quiet.seconds(entry, now),
                bool(interrupted),
            )
            if pending - deferred:  # should we be killed meanwhile, because the bucket does not answer
                names = {os.path.basename(entry) for entry in pending - deferred if not entry.endswith(".dist-info")}
                self._say(f"{self.name} is saved as the container stops: {programs.names(names)}")
            for _ in range(ATTEMPTS):
                if not (pending - deferred or self._merged) or not self._save(found, pending - deferred, in_time=False):
                    break
                deferred |= self._together(self._unarchived)
        except OSError as error:
            why = str(error.strerror or error)
        left.update(dict.fromkeys(self._excess, manifest_limits.FULL))
        self._tell(found, left)
        missing = {entry: reason for entry, reason in self.left_out.items() if reason != tree.NO_FILE}
        return self._lost({**missing, **dict.fromkeys(self._pending(found, left), why)})

    # What is to be saved

    def _survey(self) -> Tuple[Dict[str, tree.Entry], Dict[str, str]]:
        """Return all entries; those that cannot be kept -> why."""
        found, left = tree.survey(self._layout, self.root)
        left.update(self._shut(found, left))
        most = min(LARGEST_ENTRY, archive.room(self._local))
        for entry, one in list(found.items()):
            if one.signature != self._saved.signatures.get(entry):
                if one.size > most:
                    left[entry] = f"it has {one.size / 1e9:.1f} GB, and there is room for {most / 1e9:.1f} GB"
                elif self._refused.get(entry) == one.signature:
                    left[entry] = f"it has {one.size / 1e9:.1f} GB that compress too well to be unpacked safely"
        entries = found.keys() - left.keys() | self._beside
        self._excess = self._pending(found, left) & manifest_limits.beyond(entries, self._saved.entries, self._groups)
        left.update(dict.fromkeys(self._excess, manifest_limits.FULL))
        return found, left

    def _pending(self, found: Dict[str, tree.Entry], left: Collection[str]) -> Set[str]:
        """Entries that are not in the bucket as they are here, and can be."""
        new = {entry for entry, one in found.items() if one.signature != self._saved.signatures.get(entry)}
        return (new | (self._saved.signatures.keys() - found.keys())) - set(left)

    def _together(self, entries: Set[str]) -> Set[str]:
        """Return these entries, and what must not be saved without them."""
        return distributions.closure(entries, self._groups()) if entries else set()

    def _groups(self) -> Dict[str, Set[str]]:
        now = distributions.distributions(self._layout, self.root)
        before = distributions.infos(self._layout, self._saved.entries)
        return distributions.together(now, self._owned, before)

    def _sign_of(self, now: float) -> str:
        """Return what an installation has under way in the folder; one that does not go away is somebody's garbage."""
        sign = self._layout.busy(self.root)
        if sign != self._sign[0]:
            self._sign = (sign, now)
        return sign if now - self._sign[1] < TIMEOUT else ""

    def _ready(self, pending: Set[str], deferred: Set[str], busy: bool, now: float) -> Set[str]:
        """Entries that are saved now. Others that change are waited for, but not for long."""
        changing = self._quiet.noisy(now) & pending - deferred
        least = TIMEOUT if busy else debounce.GRACE if changing else QUIET
        return pending - deferred - self._together({one for one in pending if self._quiet.seconds(one, now) < least})

    # Saving

    def _save(self, found: Dict[str, tree.Entry], chosen: Set[str], in_time: bool) -> bool:
        """Save the entries that are ``chosen``; all others stay in the bucket as they are there.

        Returns:
            Whether it was not done, because an entry changed meanwhile.
        """
        there = self._store.parts()
        parts = {name: part for name, part in self._saved.parts.items() if name in there}
        now = {entry: one.signature for entry, one in found.items()}
        same = {entry: ref for entry, ref in self._saved.entries.items() if now.get(entry) == self._of_saved(entry)}
        # The local copy differs: keep the bucket's archive.
        stay = {entry: ref for entry, ref in self._saved.entries.items() if entry not in {*same, *chosen}}
        stay = {entry: ref for entry, ref in stay.items() if ref.part in parts}
        wanted = {entry: now[entry] for entry in {*same, *chosen} if entry in now}
        over = manifest_limits.beyond({*stay, *wanted}, self._saved.entries, self._groups) & chosen
        if over:
            self._beside, self._excess, self._unarchived = stay.keys() - found.keys(), over, over
            return True
        kept, changed = generations.plan(same, parts, wanted, in_time)
        new = secrets.token_hex(8)
        if changed:
            with tempfile.TemporaryFile(dir=self._local) as stream:
                if not self._packed(found, changed, stream):
                    return True
                parts[new] = self._store.put_part(new, stream, len(changed))
        number = min(self._saved.number + 1, generations.MOST_NUMBER)
        # To archive an entry again unchanged does not raise its number.
        known = {**self._vouched(now), **same} if changed else {}
        numbers = {entry: known[entry].number if entry in known else number for entry in changed}
        entries = {**stay, **kept, **{entry: EntryRef(new, numbers[entry]) for entry in changed}}
        parts = {name: parts[name] for name, _ in entries.values()}
        name = secrets.token_hex(8)
        self._store.put(name, Generation(self._saved.heads, number, time.time(), parts, entries))
        signatures = {**{entry: self._of_saved(entry) for entry in stay}, **wanted}
        self._saved, self._merged, self.dirty = LocalIndex((name,), number, entries, signatures, parts), False, False
        self._beside = set()
        local_index.write(self._saved, self._known)
        before, self._owned = self._owned, distributions.distributions(self._layout, self.root)
        for one, old in before.items():
            if old & stay.keys():
                self._owned.setdefault(one, set()).update(old)
        self.saved_at = time.time()
        self._say(self._story(changed))
        with contextlib.suppress(OSError):  # not before: what could be read of them was nowhere else
            self._store.retire(self.damaged, BAD)
            self.damaged = {}
        if in_time:  # else all that can wait waits for the next container
            self._collect_garbage(name)
        return False

    def _packed(self, found: Dict[str, tree.Entry], changed: List[str], stream: BinaryIO) -> bool:
        """Archive entries; False if one changed meanwhile, or cannot be unpacked safely: the next poll tries again."""
        size, room = sum(found[entry].size for entry in changed), archive.room(self._local)
        if size > room:
            text = "packages of {0:.1f} GB are archived on local disk, which has room for {1:.1f} GB"
            raise OSError(text.format(size / 1e9, room / 1e9))
        try:
            archive.pack(self.root, changed, stream)
        except archive.Implausible:
            largest = max(changed, key=lambda entry: found[entry].size)
            self._unarchived = {largest}
            self._refused[largest] = found[largest].signature
            return False
        lost = [entry for entry in changed if not self._is_still(entry, found[entry])]
        self._unarchived = set(lost)
        self._quiet.touch(lost, self._scanned)
        return not lost
