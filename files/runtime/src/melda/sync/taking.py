"""One plugin folder, and what a generation in the bucket brings into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import time
from typing import Collection, Dict, List, Set, Tuple

from melda.base import folders
from melda.sync import precedence
from melda.sync.in_bucket import archive
from melda.sync.in_bucket.generations import Archive, Generation
from melda.sync.in_bucket.store import NO_FILE, Store
from melda.sync.on_disk import distributions, local_index, tree
from melda.sync.on_disk.shared_folders import within

FULL = (errno.ENOSPC, errno.EDQUOT)


class Taking:
    """A folder of this container, and where the bucket's generations of it lie.

    Args:
        name, local, bucket: as for :class:`melda.sync.restoring.Restoring`.
    """

    def __init__(self, name: str, local: str, bucket: str) -> None:
        self.name = name
        self.root = os.path.join(local, name)
        self.moved_at = float("-inf")  # seconds of time.monotonic() at which restoring made progress
        self._known, self._unpacked = self.root + ".json", self.root + ".new"
        self._layout = tree.layout(name)
        self._store = Store(os.path.join(bucket, name), self.moved)
        self._saved = local_index.NOTHING
        self._before = (
            local_index.NOTHING
        )  # what a restart is to know, if we are killed: what is here, and in the bucket too
        self._stale: Set[str] = set()  # entries that were saved, and of which the bucket's state is to take the place
        self._later: List[Generation] = []  # that bring something after this one

    def moved(self) -> None:
        """Take note that it goes on: something was read, or written."""
        self.moved_at = time.monotonic()

    def _take(self, generation: Generation, without: Set[str], others: Collection[Generation] = ()) -> Dict[str, str]:
        """Take what we have not got from a generation, but what is ``without``, or newer in one of the ``others``.

        Returns:
            Its parts that are damaged -> how.
        """
        whole = os.path.join(self._unpacked, "whole")
        damaged: Dict[str, str] = {}
        folders.remove(self._unpacked)
        for opened in self._layout.opened:  # folders, so that no link in an archive stands in for one
            os.makedirs(os.path.join(whole, opened), exist_ok=True)
        links: List[Tuple[str, str]] = []  # that stand in for one that need not be there
        for name in sorted({ref.part for ref in generation.entries.values()}):
            folder = os.path.join(self._unpacked, name)
            os.mkdir(folder)
            try:
                self._unpack(name, generation, folder)
            except (archive.Damaged, FileNotFoundError) as error:
                damaged[name] = "it is gone" if isinstance(error, OSError) else str(error)
                continue
            for entry in list(self._layout.entries(folder)):
                ref = generation.entries.get(within(entry, generation.entries))
                if ref and ref.part == name:
                    old, new = os.path.join(folder, entry), os.path.join(whole, entry)
                    if self._layout.is_opened(entry):
                        links.append((new, old))
                    else:
                        distributions.merge(old, new)
                    self.moved()
            if not any(old.startswith(folder + "/") for _, old in links):
                folders.remove(folder)  # what nobody needs makes room for the next
        for new, old in sorted(links, reverse=True):  # what lies in it comes first
            distributions.merge(old, new)
        without = precedence.refined(self._layout, whole, generation, others, without)
        if damaged:  # half of a package would keep the whole one of an older generation out
            lost = {entry for entry, ref in generation.entries.items() if ref.part in damaged}
            there = distributions.distributions(self._layout, whole)
            without = {*without, *(name for name in there if there[name] & lost)}
        self._make_way(whole, generation, set(damaged), without)
        other = precedence.in_another_version(self._layout, whole, self.root)
        changed = precedence.leave_out(self._layout, whole, {*other, *without})  # the bucket has them otherwise
        coming = {entry: one for entry, one in tree.signatures(self._layout, whole).items() if entry not in changed}
        self._before = self._before._replace(signatures={**self._before.signatures, **coming})
        local_index.write(self._before, self._known)
        moved = {
            entry: generation.entries[within(entry, generation.entries)]
            for entry in distributions.adopt(self._layout, whole, self.root, without)
            if within(entry, generation.entries) and entry not in changed
        }
        signatures = {entry: coming[entry] for entry in moved}
        folders.remove(self._unpacked)
        self._saved = self._saved._replace(
            number=max(self._saved.number, generation.number),
            entries={**self._saved.entries, **moved},
            signatures={**self._saved.signatures, **signatures},
            parts={**self._saved.parts, **generation.parts},
        )
        return damaged

    def _unpack(self, name: str, generation: Generation, folder: str) -> None:
        part = generation.parts[name]
        try:
            with self._store.open(name) as stream:
                archive.unpack(stream, folder, part.sha256, part.size, self.moved)
        except OSError as error:
            if error.errno in NO_FILE:
                raise archive.Damaged("it is no file") from None
            if error.errno not in FULL or not self._stale:
                raise
            if name in self._make_room(generation):
                raise archive.Damaged("it is not what was uploaded") from None
            folders.remove(folder)
            os.mkdir(folder)
            self._unpack(name, generation, folder)

    # What was here, and is in the bucket

    def _make_way(self, whole: str, generation: Generation, damaged: Set[str], without: Collection[str]) -> None:
        """Remove what the bucket's takes the place of; what cannot be had there stays as it is here."""
        if not self._stale:
            return
        shape, here = self._layout, distributions.distributions(self._layout, self.root)
        self._keep(generation, damaged)
        coming = distributions.distributions(shape, whole)
        new = coming.keys() - set(without)
        taken = {entry for name in new for entry in coming[name]}
        skipped = {entry for name in coming.keys() - new for entry in coming[name]} - taken
        around = tuple(one for one in without if one.endswith("/"))
        found = {entry for entry in shape.entries(whole) if not (entry in without or entry.startswith(around))}
        found |= {entry for name in new for entry in here.get(name, ())}
        found = (found - skipped) | taken  # adopting merges into a folder that others share: all of it makes way
        groups, owners = distributions.together(here), distributions.owners(here)
        replaced = {entry for entry in found if owners.get(entry, set()) <= new}
        way = distributions.closure(found, groups)
        # With it goes what only a later one gives back.
        for other in self._later if self._stale else ():
            going = (way - replaced) & self._stale & other.entries.keys()
            parts = {other.entries[entry].part for entry in going} - (generation.parts.keys() - damaged)
            self._keep(other, self._damaged(other, parts))
        self._clear(way & self._stale)

    def _keep(self, generation: Generation, damaged: Set[str]) -> None:
        """Take it that what is in damaged archives of a generation stays as it is here."""
        here = distributions.distributions(self._layout, self.root)
        lost = {entry for entry, ref in generation.entries.items() if ref.part in damaged}
        lost |= {entry for name in distributions.infos(self._layout, lost) for entry in here.get(name, ())}
        self._stale -= distributions.closure(lost, distributions.together(here))

    def _clear(self, entries: Set[str]) -> None:
        """Remove entries, each at once: half of one would be somebody's in the next attempt."""
        os.makedirs(self._unpacked, exist_ok=True)
        infos = distributions.infos(self._layout, set(self._layout.entries(self.root)) if entries else ())
        # A folder may stay for what others have in it.
        precedence.leave_out(self._layout, self.root, {name for name in infos if infos[name] <= entries})
        for entry in entries:
            gone = os.path.join(self._unpacked, secrets.token_hex(8))
            with contextlib.suppress(FileNotFoundError):
                folders.rename(os.path.join(self.root, entry), gone)
            folders.remove(gone)
        self._stale -= entries

    def _make_room(self, generation: Generation) -> Set[str]:
        """Remove all that a generation gives back, before it is unpacked; return its archives that are damaged."""
        for one in self._later:
            self._keep(one, self._damaged(one, one.parts))
        damaged = self._damaged(generation, generation.parts)
        self._keep(generation, damaged)
        self._clear(set(self._stale))
        return damaged

    def _damaged(self, generation: Generation, parts: Collection[str]) -> Set[str]:
        return {name for name in parts if not self._is_whole(name, generation.parts[name])}

    def _is_whole(self, name: str, part: Archive) -> bool:
        digest, size = hashlib.sha256(), 0
        try:
            with self._store.open(name) as stream:
                for chunk in iter(lambda: stream.read(archive.CHUNK), b""):
                    digest.update(chunk)
                    size += len(chunk)
                    self.moved()
        except OSError as error:
            if error.errno in (errno.ENOENT, *NO_FILE):
                return False
            raise
        return size == part.size and digest.hexdigest() == part.sha256
