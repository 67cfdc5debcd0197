"""One plugin folder: brought back from the bucket, watched, saved."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from typing import Callable, Dict, Iterator, List, Set, Tuple

from melda_persistence import archive, generations, saved, tree, units
from melda_persistence.generations import Generation, Held
from melda_persistence.saved import Saved
from melda_persistence.store import Store

QUIET = 2.0  # seconds without a change after which an installation is over
SCAN = 60.0  # seconds after which all files are looked at, should the folders' times not tell
PATIENCE = 180.0  # seconds without a change after which it is saved though an installation seems to go on
RETRY, LONGEST_RETRY = 5.0, 60.0  # seconds after which a failed upload is tried again

Say = Callable[[str], None]


class Folder:
    """A folder of this container, and its generations in the bucket.

    Args:
        name: like Python-3.11.2.
        local: folder in which it lies, under its name; beside it what is known of it, and what is being unpacked.
        bucket: folder in the bucket that holds the generations of all plugin folders.
        say: takes lines for the log.
        installing: names an installation that is running; empty if there is none.
        old: the folder in the old form, its files directly in the bucket; empty: it is not there.
    """

    def __init__(
        self, name: str, local: str, bucket: str, say: Say, installing: Callable[[], str], old: str = ""
    ) -> None:
        self.name = name
        self.root = os.path.join(local, name)
        self.restored = False
        self.dirty = False
        self.problem = ""
        self.saved_at = 0.0  # seconds since 1970; 0: it was not saved in this container
        self._local, self._known, self._unpacked = local, self.root + ".json", self.root + ".new"
        self._shape = tree.layout(name)
        self._store = Store(os.path.join(bucket, name))
        self._say, self._installing, self._old = say, installing, old
        self._saved = saved.NOTHING
        self._taken = False  # the bucket does not know yet what we took out of several generations
        self._stamp: Tuple[int, ...] = ()
        self._seen: Dict[str, str] = {}
        self._scanned = self._changed = self._due = float("-inf")
        self._retry = RETRY

    # Bringing back

    def restore(self) -> None:
        """Bring the folder to the newest state in the bucket; what is damaged there is set aside, and said.

        What this container had before it was restarted stays, as far as it is whole, also if it was not saved; all
        else is the bucket's. To be called again after an error.

        Raises:
            OSError: the bucket does not answer, or the disk is full.
        """
        self._saved = saved.read(self._known)
        known, unreadable = self._store.generations()
        for name in unreadable:
            self._say("{0}/{1}.json in the bucket is no manifest, and ignored".format(self.name, name))
        self._keep_own(known)
        bad: Dict[str, Set[str]] = {}
        for name in self._wanted(known):
            if any(name in generations.ancestors(known, head) for head in self._saved.heads):
                continue
            damaged = self._take(known[name], self._newer(known, name))
            if damaged:
                bad[name] = damaged
                self._store.set_aside(name, damaged)
                self._say(
                    "{0}: generation {1} in the bucket is damaged and set aside; what could be read of it, "
                    "and the one before, is taken".format(self.name, name)
                )
            else:
                self._taken = self._taken or bool(self._saved.heads)
                self._saved = self._saved._replace(heads=(*self._saved.heads, name))
        if bad:  # what was left to those may be missing now
            for name in self._saved.heads:
                self._take(known[name], set())
        self._taken = self._taken or bool(bad)
        if self._old:
            self._take_over()
        saved.write(self._saved, self._known)
        self.restored = True

    def _keep_own(self, known: Dict[str, Generation]) -> None:
        """After a restart: if there is nothing new in the bucket and nothing torn here, all stays as it is.

        Else only what was not saved, and is whole, stays; the rest comes from the bucket.
        """
        found = tree.signatures(self._shape, self.root)
        kept = {entry for entry in found if found[entry] == self._saved.signatures.get(entry)}
        torn = set(found) - kept - units.whole(self._shape, self.root)
        new = [name for name in generations.heads(known) if name not in self._saved.heads]
        if not (torn or new):
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._known)
        for entry in kept | torn:
            units.remove(os.path.join(self.root, entry))
        self._saved = saved.NOTHING

    def _wanted(self, known: Dict[str, Generation]) -> Iterator[str]:
        """Heads that we have not; then, while there is nothing whole to build on, older ones."""
        heads = generations.heads(known)
        yield from (name for name in heads if name not in self._saved.heads)
        older = sorted(set(known) - set(heads), key=lambda name: (known[name].created, name), reverse=True)
        for name in older:
            if self._saved.heads:
                return
            yield name

    def _newer(self, known: Dict[str, Generation], name: str) -> Set[str]:
        """Packages of which another head has a newer state."""
        own = units.numbers(self._shape, known[name])
        heads = [units.numbers(self._shape, known[head]) for head in generations.heads(known) if head != name]
        return {unit for unit, number in own.items() if any(other.get(unit, -1) > number for other in heads)}

    def _take(self, generation: Generation, without: Set[str]) -> Set[str]:
        """Take what we have not got from a generation, but what is ``without``.

        Returns:
            Its parts that are damaged.
        """
        whole = os.path.join(self._unpacked, "whole")
        damaged: Set[str] = set()
        units.remove(self._unpacked)
        os.makedirs(whole)
        for name in sorted({held.part for held in generation.entries.values()}):
            part, folder = generation.parts[name], os.path.join(self._unpacked, name)
            os.mkdir(folder)
            try:
                with self._store.open(name) as stream:
                    archive.unpack(stream, folder, part.sha256, part.size)
            except (archive.Damaged, FileNotFoundError):
                damaged.add(name)
                continue
            for entry, held in generation.entries.items():
                if held.part == name and os.path.lexists(os.path.join(folder, entry)):
                    units.merge(os.path.join(folder, entry), os.path.join(whole, entry))
        moved = {
            entry: tree.signature(os.path.join(self.root, entry))
            for entry in units.adopt(self._shape, whole, self.root, without)
            if entry in generation.entries
        }
        units.remove(self._unpacked)
        self._saved = self._saved._replace(
            number=max(self._saved.number, generation.number),
            entries={**self._saved.entries, **{entry: generation.entries[entry] for entry in moved}},
            signatures={**self._saved.signatures, **moved},
            parts={**self._saved.parts, **generation.parts},
        )
        return damaged

    def _take_over(self) -> None:
        """Take what lies in the bucket in the old form; it is removed there when it is saved in the new one."""
        units.remove(self._unpacked)
        units.copy(self._old, self._unpacked)
        units.adopt(self._shape, self._unpacked, self.root)
        units.remove(self._unpacked)
        self._taken = True

    # Saving

    def look(self, now: float) -> None:
        """Save the folder if it has changed and nobody is installing; to be called every second or so.

        Args:
            now: seconds of a clock that only goes forward.
        """
        stamp = self._shape.stamp(self.root)
        if now < self._due or (stamp == self._stamp and not self.dirty and now - self._scanned < SCAN):
            return
        self._stamp, self._scanned = stamp, now
        try:
            found = tree.signatures(self._shape, self.root)
            self.dirty = self._differs(found)
            if found != self._seen:
                self._seen, self._changed = found, now
            busy = self.dirty and (self._shape.busy(self.root) or self._installing())
            if self.dirty and now - self._changed >= (PATIENCE if busy else QUIET):
                self._save(found, in_time=True)
                self.problem, self._retry = "", RETRY
        except OSError as error:
            self._due = now + self._retry
            self._retry = min(2 * self._retry, LONGEST_RETRY)
            self._fail("not saved: {0}".format(error.strerror or error))

    def finish(self, cut_off: str) -> None:
        """Save what is not saved yet, now or never.

        Args:
            cut_off: the installation that was ended; empty: none was. What is not whole is not saved.
        """
        try:
            found = tree.signatures(self._shape, self.root)
            if not self.restored or not self._differs(found):
                return
            cut_off = cut_off or self._shape.busy(self.root)
            if cut_off:
                self._say("{0}: {1} was cut off; what it did is not kept".format(self.name, cut_off))
                return
            self._save(found, in_time=False)
        except OSError as error:
            self._fail("not saved: {0}".format(error.strerror or error))

    def _differs(self, found: Dict[str, str]) -> bool:
        return self._taken or found != self._saved.signatures

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            self._say("{0}: {1}".format(self.name, problem))
        self.problem = problem

    def _save(self, found: Dict[str, str], in_time: bool) -> None:
        there = self._store.parts()
        parts = {name: part for name, part in self._saved.parts.items() if name in there}
        same = {
            entry: part
            for entry, part in self._saved.entries.items()
            if found.get(entry) == self._saved.signatures[entry]
        }
        kept, changed = generations.plan(same, parts, found, in_time)
        new = ""
        if changed:
            with tempfile.TemporaryFile(dir=self._local) as stream:
                archive.pack(self.root, changed, stream)
                if any(tree.signature(os.path.join(self.root, entry)) != found[entry] for entry in changed):
                    return  # it goes on after all; we come again
                new = secrets.token_hex(8)
                parts[new] = self._store.put_part(new, stream, len(changed))
        number = self._saved.number + 1
        entries = {**kept, **{entry: self._held(entry, entry in same, new, number) for entry in changed}}
        parts = {name: parts[name] for name, _ in entries.values()}
        name = secrets.token_hex(8)
        self._store.put(name, Generation(self._saved.heads, number, time.time(), parts, entries))
        self._saved, self._taken, self.dirty = Saved((name,), number, entries, found, parts), False, False
        saved.write(self._saved, self._known)
        self.saved_at = time.time()
        self._say(self._story(changed))
        if in_time:  # else all that can wait waits for the next container
            self._tidy(name)

    def _held(self, entry: str, same: bool, part: str, number: int) -> Held:
        """Where an entry lies now; archiving it anew as it is does not make it newer."""
        return Held(part, self._saved.entries[entry].number if same else number)

    def _story(self, changed: List[str]) -> str:
        names = sorted({os.path.basename(entry) for entry in changed if not entry.endswith(".dist-info")})
        shown = ", ".join(names[:5]) + (" and {0} more".format(len(names) - 5) if len(names) > 5 else "")
        return "{0} is saved in the bucket{1}".format(self.name, ": " + shown if shown else "")

    def _tidy(self, name: str) -> None:
        """Remove what nobody needs any more. If that fails, the next one finds it."""
        with contextlib.suppress(OSError):
            known, unreadable = self._store.generations()
            if name not in known:
                return
            gone = generations.superfluous(known, name)
            left = [generation for other, generation in known.items() if other not in gone]
            unused = generations.unused([known[other] for other in gone], left)
            self._store.remove(gone, set() if unreadable else unused)
            if self._old:
                for child in os.listdir(self._old):
                    units.remove(os.path.join(self._old, child))
                self._old = ""
