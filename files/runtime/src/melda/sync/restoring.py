"""One plugin folder, restored from the bucket when a container starts."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Collection, Dict, Iterator, List, Optional, Set

from melda.base import folders, log
from melda.base.log import Say
from melda.sync import exchange, precedence, programs
from melda.sync.in_bucket import generations, retention
from melda.sync.in_bucket.generations import EntryRef, Generation
from melda.sync.on_disk import distributions, leftovers, local_index, tree
from melda.sync.on_disk.local_index import LocalIndex
from melda.sync.taking import Taking


class Restoring(Taking):
    """A folder of this container, as the bucket has it.

    Args:
        name: like Python-3.11.2.
        local: folder in which it lies, under its name; beside it what is known of it, and what is being unpacked.
        bucket: folder in the bucket that holds the generations of all plugin folders.
        say: takes lines for the log.
        old: the folder in the old form, its files directly in the bucket; empty: it is not there.
        only: generations that are taken, whatever else the bucket has.
    """

    DAMAGED = "damaged"  # what is said of such a generation

    def __init__(
        self, name: str, local: str, bucket: str, say: Say, old: str = "", only: Optional[Dict[str, Generation]] = None
    ) -> None:
        super().__init__(name, local, bucket)
        self.restored = False
        self._say, self._old, self._only = say, old, only
        self._owned: Dict[str, Set[str]] = {}  # distributions, when it was saved or restored
        self._merged = False  # merge not uploaded yet
        self._coming: Set[str] = set()  # entries that the bucket has
        self._history: Dict[str, Generation] = {}  # earlier generations that the bucket has
        self.damaged: Dict[str, Set[str]] = {}  # generations -> their damaged archives, until what is left is saved
        self.ignored = ""  # what the bucket may have, and nobody can read

    @property
    def index(self) -> LocalIndex:
        """What was restored, and from which archives."""
        return self._saved

    def expect(self, names: Optional[List[str]]) -> None:
        """Take it that the bucket has these names in its folder, when it is restored for the first time; None: it is asked."""
        self._store.expect(names)

    def restore(self) -> None:
        """Bring the folder to the newest state in the bucket; what is damaged there is reported.

        What this container had before it was restarted stays, as far as it is whole, also if it was not saved; all
        else is the bucket's. To be called again after an error.

        Raises:
            OSError: the bucket does not answer, or the disk is full.
        """
        with exchange.held(self._layout, self.root, self._say):
            self._restore()
        self.restored = True

    def _restore(self) -> None:
        with contextlib.suppress(OSError):
            folders.remove(self._unpacked)  # of an attempt before; it may be what fills the disk
        self._saved = local_index.read(self._known)
        self.moved()
        known, unreadable = (self._only, []) if self._only else self._store.generations()
        for name in unreadable:
            self._say(f"{self.name}/{name}.json in the bucket is no manifest, and ignored", log.ERROR)
        self._note(known, unreadable)
        if self._store.link:
            self._say(f"{self.name}: {self._store.link} is a link; what is behind it is not read", log.WARNING)
        self._coming = {entry for generation in known.values() for entry in generation.entries}
        self._reconcile_local(known, unreadable)
        self.damaged = {}
        gone: Dict[str, Set[str]] = {}  # of older generations: what is in none of the damaged ones that replaced them
        for name in self._wanted(known):
            if any(name in generations.ancestors(known, head) for head in self._saved.heads):
                continue
            heads = [head for head in generations.heads(known) if head != name]
            self._later = [known[head] for head in heads if head not in (*self._saved.heads, *self.damaged)]
            after = [bad for bad in self.damaged if bad in heads and name in generations.ancestors(known, bad)]
            gone[name] = precedence.removed(self._layout, known[name], [known[bad] for bad in after])
            without = precedence.newer(self._layout, known, name) | gone[name]
            damaged = self._take(known[name], without, [known[head] for head in heads])
            if damaged:
                self.damaged[name] = set(damaged)
                how = "; ".join(sorted(set(damaged.values())))
                self._say(
                    f"{self.name}: generation {name} in the bucket is {self.DAMAGED} "
                    f"({how}); what could be read of it, and the one before, is taken",
                    log.ERROR,
                )
            else:
                self._merged = self._merged or bool(self._saved.heads)
                self._saved = self._saved._replace(heads=(*self._saved.heads, name))
        # Take from the other heads what the damaged ones had in a newer state, or what a newer folder has not got.
        taken = [name for name in self._saved.heads if name in known]
        mixed = self._merged and any(precedence.is_coarse(self._layout, known[head]) for head in taken)
        if self._merged and not mixed:  # each has left one to the other
            wanted = {one for head in taken for one in distributions.infos(self._layout, known[head].entries)}
            mixed = not wanted <= distributions.distributions(self._layout, self.root).keys()
        self._later = []
        if self.damaged or mixed:
            for head in taken:
                self._take(known[head], gone.get(head, set()))
        self._clear(set(self._stale))  # what nobody has any more
        folders.remove(self._unpacked)
        self._merged = self._merged or bool(self.damaged)
        if self._old:
            self._migrate_flat_layout()
        local_index.write(self._saved, self._known)
        self._owned = distributions.distributions(self._layout, self.root)

    def reread(self) -> bool:
        """Go on where a sync daemon was killed: the container has not ended, so all stays as it is.

        Returns:
            False if it had not restored everything: :meth:`restore` must.
        """
        saved = local_index.read(self._known)
        if not saved.heads and (saved.signatures or not os.path.exists(self._known)):
            return False
        self._saved, self._old = saved, ""
        self._owned = distributions.distributions(self._layout, self.root)
        self.restored = True
        return True

    def unknown(self) -> Set[str]:
        """Before it is restored: entries that are here and, as far as we know, not in the bucket."""
        saved, coming, found = self._saved.signatures, self._coming, tree.signatures(self._layout, self.root)
        return {entry for entry in found if found[entry] != saved.get(entry)} - coming

    def _note(self, known: Dict[str, Generation], unreadable: Collection[str]) -> None:
        """Note what may be a head that cannot be read: what only it has is not here. It stays in the bucket."""
        parents = {parent for generation in known.values() for parent in generation.parents}
        files = [name + ".json" for name in self._store.holds([name for name in unreadable if name not in parents])]
        text = "not restored: {0} in the bucket, which is no manifest that can be read; all else is saved"
        self.ignored = text.format(programs.names(files)) if files else ""

    def _collect_garbage(self, name: str) -> None:
        """Remove what nobody needs since the generation ``name`` is there. If that fails, the next one finds it."""
        with contextlib.suppress(OSError):
            known, unreadable = self._store.generations()
            self._note(known, unreadable)
            if name not in known:
                return
            gone = generations.prunable(known, name)
            left = [generation for other, generation in known.items() if other not in gone]
            self._store.retire(gone)
            self._history = self._store.retired({**self._history, **{other: known[other] for other in gone}})
            over = retention.superfluous(self._history, left, time.time())
            dropped = [self._history.pop(other) for other in over]
            unused = generations.unused(dropped, [*left, *self._history.values()])
            self._store.forget(over, () if unreadable else unused)
            if self._old:
                self._remove_old_form()

    def _remove_old_form(self) -> None:
        """Remove it in the bucket, but for what is here and was not saved yet, because it is left out for instance."""
        old = set(self._layout.entries(self._old))
        left = {entry for entry in old - set(self._saved.entries) if os.path.lexists(os.path.join(self.root, entry))}
        names = [] if left else os.listdir(self._old)
        for entry in (*(old - left), *names):
            folders.remove(os.path.join(self._old, entry))
        if not left:
            self._old = ""

    def _reconcile_local(self, known: Dict[str, Generation], unreadable: Collection[str]) -> None:
        """After a restart: if there is nothing new in the bucket and nothing partial here, all stays as it is.

        Else only what was not saved, and is whole, stays; the rest comes from the bucket, and what that has not got
        is set aside. What was saved, and is not there any more, or cannot be read, is as good as not saved. What was saved
        stays until the bucket's is unpacked.
        """
        self._stale = set()  # what an attempt before took the bucket to give back
        found = tree.signatures(self._layout, self.root)
        kept = {entry for entry in found if found[entry] == self._saved.signatures.get(entry)}
        taken = {} if known else local_index.read(self.root + local_index.TAKEN).signatures
        came = local_index.read(self.root + local_index.CAME)
        whole = {entry for entry in found if found[entry] in (taken.get(entry), came.signatures.get(entry))}
        partial = set(found) - kept - whole - distributions.complete(self._layout, self.root)
        new = [name for name in generations.heads(known) if name not in self._saved.heads]
        lost = any(head in unreadable for head in self._saved.heads) or (not known and bool(self._saved.signatures))
        if not (partial or new or lost):
            misses = {entry for entry, ref in self._saved.entries.items() if self._store.misses(ref.part)}
            if self._saved.heads and misses:  # they are saved again
                self._vouch(came, misses & kept, found)
                self._saved = local_index.without(self._saved, misses)
            return
        gone = kept & self._gone(known, lost)
        if kept:
            self._vouch(came, kept, found)
        # Tried again, it is to know what the bucket has, and that it has not got it from there yet.
        self._before = local_index.without(self._saved, gone)._replace(heads=())
        if self._before.signatures:
            local_index.write(self._before, self._known)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._known)
        doubtful = leftovers.of_nobody(self._layout, self.root, partial)
        aside = leftovers.set_aside(self.root, doubtful)
        if aside:
            self._say(
                f"{self.name}: not saved when the container ended, and maybe not complete; "
                f"set aside in their folders: {programs.names(aside)}",
                log.ERROR,
            )
        half = {entry for entry in partial - doubtful if os.path.basename(entry) != "__pycache__"}
        if half:
            text = "{0}: half installed when the container ended, and removed: {1}"
            names = programs.names({os.path.basename(entry) for entry in half})
            self._say(text.format(self.name, names), log.WARNING)
        groups = distributions.together(distributions.distributions(self._layout, self.root))
        safe = kept - gone
        self._stale = safe - distributions.closure(partial, groups)
        self._clear((safe | partial) - doubtful - self._stale)
        self._saved = local_index.NOTHING

    def _vouch(self, came: LocalIndex, entries: Collection[str], found: Dict[str, str]) -> None:
        """Remember that these were in the bucket: they are whole, and as old as they were there if they are saved again."""
        others = local_index.without(came, entries)
        held = {entry: self._saved.entries[entry] for entry in entries if entry in self._saved.entries}
        whole = {entry: found[entry] for entry in entries}
        known = local_index.NOTHING._replace(
            entries={**others.entries, **held}, signatures={**others.signatures, **whole}
        )
        local_index.write(known, self.root + local_index.CAME)

    def _vouched(self, now: Dict[str, str]) -> Dict[str, EntryRef]:
        """Return where the entries lay that are as they were in the bucket, also if it has lost them since."""
        came = local_index.read(self.root + local_index.CAME)
        return {entry: ref for entry, ref in came.entries.items() if came.signatures.get(entry) == now.get(entry)}

    def _gone(self, known: Dict[str, Generation], lost: bool) -> Set[str]:
        """Return what is here of packages that the bucket cannot give back: their archives, or manifests, are gone.

        Args:
            known: the generations.
            lost: can the manifests of what was saved not be read?
        """
        here, there = distributions.distributions(self._layout, self.root), self._store.parts()
        heads = {name: known[name].entries for name in generations.heads(known)}
        left = {name: {one: ref for one, ref in heads[name].items() if ref.part in there} for name in heads}
        newest = precedence.newest(
            self._layout, {name: known[name]._replace(entries=left[name]) for name in heads}, self._saved
        )
        if lost:  # and what an attempt that was interrupted had brought
            newest |= self._saved.signatures.keys() - self._saved.entries.keys()
        elif self._holds_saved(known):
            newest &= {entry for name in heads for entry in heads[name].keys() - left[name].keys()}
        return distributions.closure(newest, distributions.together(here))

    def _holds_saved(self, known: Dict[str, Generation]) -> bool:
        """Has the bucket what was saved from here, or what took its place? Else it is set aside as damaged, or lost."""
        heads = self._saved.heads
        if self._store.has_set_aside(heads or [""]):  # after an interrupted attempt it may be any of them
            return False
        if self._store.holds_any_form(heads):
            return True
        # Retention may have removed it: then that removed all that is older, too.
        kept = [*known.values(), *self._store.retired({}).values()]
        return all(one.number > self._saved.number for one in kept)

    def _wanted(self, known: Dict[str, Generation]) -> Iterator[str]:
        """Heads that we have not; then older ones: those of which a damaged one was made, or all, where nothing is whole."""
        heads = generations.heads(known)
        yield from (name for name in heads if name not in self._saved.heads)
        older = sorted(set(known) - set(heads), key=lambda name: (known[name].created, name), reverse=True)
        for name in older:
            if not self._saved.heads or any(name in generations.ancestors(known, bad) for bad in self.damaged):
                yield name

    def _migrate_flat_layout(self) -> None:
        """Take what lies in the bucket in the old form; it is removed there when it is saved in the new one."""
        folders.remove(self._unpacked)
        left = distributions.copy(self._old, self._unpacked, self.moved)
        if left:
            self._say(f"{self.name}: not taken over: {programs.names(left)}", log.WARNING)
            self._old = ""  # it stays in the bucket
        distributions.adopt(self._layout, self._unpacked, self.root)
        folders.remove(self._unpacked)
        self._merged = True


def brought(name: str, work: str, bucket: str, say: Say, only: Optional[Dict[str, Generation]] = None) -> Restoring:
    """Bring a plugin folder to another place, and change nothing in the bucket; arguments as for :class:`Restoring`."""
    folders.make(work, name)
    found = Restoring(name, work, bucket, say, only=only)
    found.restore()
    return found
