"""Of several heads: which has the newer state of what."""

from __future__ import annotations

import itertools
import os
from typing import Collection, Mapping, Set

from melda.base import folders
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.generations import Generation
from melda.sync.on_disk import distributions
from melda.sync.on_disk.local_index import LocalIndex
from melda.sync.on_disk.shared_folders import is_shared, within
from melda.sync.on_disk.tree import Layout


def newer(shape: Layout, known: Mapping[str, Generation], name: str) -> Set[str]:
    """Return the packages, and entries, of which another head has a newer state; with a slash: all in that folder.

    Args:
        shape: of the folder.
        known: its generations.
        name: one of them.
    """
    heads = [known[head] for head in generations.heads(known) if head != name]
    own, others = known[name], [distributions.numbers(shape, head) for head in heads]
    units = distributions.numbers(shape, own).items()
    found = {unit for unit, number in units if any(other.get(unit, -1) > number for other in others)}
    for other in heads:  # one of them may have as one entry what is many in the other
        for entry in (one for one in {*own.entries, *other.entries} if is_shared(one + "/")):
            mine, its = (within(entry, each.entries) for each in (own, other))
            if mine and its and other.entries[its].number > own.entries[mine].number:
                found.add(entry + "/" if shape.is_opened(entry) else entry)
    return found


def removed(shape: Layout, older: Generation, newer: Collection[Generation]) -> Set[str]:
    """Return the packages, and entries, of a generation that none of the ones that replaced it has; if there are any."""
    named = {unit for one in newer for unit in distributions.numbers(shape, one)}
    around = {folder for unit in named for folder in itertools.accumulate(unit.split("/")[:-1], os.path.join)}
    units = distributions.numbers(shape, older) if newer else ()
    return {unit for unit in units if unit not in around and not within(unit, named)}


def refined(
    shape: Layout, root: str, own: Generation, others: Collection[Generation], newer_there: Set[str]
) -> Set[str]:
    """Return :func:`newer`, and the distributions with the same .dist-info of which something else is newer in another head.

    Args:
        shape, root: of the folder in which ``own`` is unpacked, and its RECORDs can be read.
        own: one of the heads.
        others: the other ones.
        newer_there: of ``own``.
    """
    if not others:
        return set(newer_there)
    named = distributions.distributions(shape, root)  # it reads all RECORDs
    found, owners, mine = set(newer_there), distributions.owners(named), distributions.numbers(shape, own)
    for other in others:
        theirs = distributions.numbers(shape, other)
        for name, entries in named.items():
            if name in mine and mine[name] == theirs.get(name):
                alone = {one for one in entries & own.entries.keys() & other.entries.keys() if owners[one] == {name}}
                numbers = [(own.entries[one].number, other.entries[one].number) for one in alone]
                # What both have changed stays: a folder may be newer there for what others have in it.
                if any(here < there for here, there in numbers) and not any(here > there for here, there in numbers):
                    found.add(name)
    return found


def newest(shape: Layout, known: Mapping[str, Generation], saved: LocalIndex) -> Set[str]:
    """Return the entries that were saved from here, and of which no head has this state or a newer one."""
    own = Generation((), saved.number, 0.0, saved.parts, saved.entries)
    older = newer(shape, {**known, "": own}, "")
    around = tuple(one for one in older if one.endswith("/"))
    infos = distributions.infos(shape, saved.entries)
    older |= {entry for name in infos if name in older for entry in infos[name]}
    heads = [known[head].entries for head in generations.heads(known)]
    same = {entry for entry, ref in saved.entries.items() if any(head.get(entry) == ref for head in heads)}
    return {entry for entry in saved.entries.keys() - older - same if not entry.startswith(around)}


def is_coarse(shape: Layout, generation: Generation) -> bool:
    """Return whether it has as one entry what is many now. An older image made it."""
    return any(entry in shape.shared for entry in generation.entries)


def in_another_version(shape: Layout, source: str, target: str) -> Set[str]:
    """Return the names of the distributions that both folders have, each in another version."""
    here, there = (distributions.infos(shape, set(shape.entries(root))) for root in (target, source))
    return {name for name in here.keys() & there.keys() if here[name] != there[name]}


def leave_out(shape: Layout, root: str, names: Set[str]) -> Set[str]:
    """Remove from folders that distributions share what only those of ``names`` have: no files of two versions of one.

    Returns:
        The folders, which are entries, that may have lost something.
    """
    owners = distributions.owners(distributions.distributions(shape, root) if names else {})
    shared = {entry for entry in owners if entry and owners[entry] & names and owners[entry] - names}
    if shared:
        real = os.path.realpath(root)
        others = {name for entry in shared for name in owners[entry]} - names
        theirs, kept = (distributions.recorded(shape, root, of).keys() for of in (names, others))
        for file in theirs - kept:
            path = os.path.join(real, file)
            # What a link on the way leads to is somebody else's.
            if shape.entry_of(file) in shared and os.path.realpath(os.path.dirname(path)) == os.path.dirname(path):
                folders.remove(path)
    return shared
