"""Earlier generations of a plugin folder: what changed in each, and going back to one."""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Tuple

from melda.base import folders
from melda.base.log import Say
from melda.sync import exchange
from melda.sync.in_bucket.generations import Generation
from melda.sync.in_bucket.retention import space
from melda.sync.in_bucket.store import Store
from melda.sync.on_disk import local_index, tree
from melda.sync.restoring import brought
from melda.versions.libraries import normal


class Listed(NamedTuple):
    """A generation, for people.

    Attributes:
        label: what it is called: P or R, and its number.
        folder: whose it is.
        name: of its manifest.
        created: seconds since 1970.
        changes: what is other than in the one before.
        whole: all of its archives are there.
    """

    label: str
    folder: str
    name: str
    created: float
    changes: List[str]
    whole: bool


def packages(shape: tree.Layout, generation: Generation) -> Dict[str, Tuple[str, object]]:
    """Name -> version (empty for R, whose entries have none) and what it lies in, of each package."""
    found: Dict[str, Tuple[str, object]] = {}
    for entry, held in generation.entries.items():
        folder, base = os.path.split(entry)
        if shape.packages and folder == shape.packages and base.endswith(".dist-info"):
            name, _, version = base[: -len(".dist-info")].rpartition("-")
            found[normal(name)] = (version, "")
        elif not shape.packages:
            found[entry] = ("", held.number)
    return found


def changes(shape: tree.Layout, before: Generation, after: Generation) -> List[str]:
    """Return what is other in ``after`` than in ``before``, as a diff marks it."""
    old, new = packages(shape, before), packages(shape, after)
    found = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None and now is not None:
            found.append(f"+ {name} {now[0]}".rstrip())
        elif now is None and was is not None:
            found.append(f"- {name} {was[0]}".rstrip())
        elif was != now and was and now:
            found.append(f"~ {name} {was[0]} -> {now[0]}" if was[0] != now[0] else f"~ {name}")
    return found


NOTHING = Generation((), 0, 0.0, {}, {})


def every(store: Store) -> Tuple[Dict[str, Generation], Dict[str, Generation]]:
    """Return the generations that a start reads, and the earlier ones.

    Raises:
        OSError: S3 does not answer.
    """
    return store.generations()[0], store.retired({})


def listed(ours: str, folder: str) -> Tuple[List[Listed], int]:
    """Return all generations of a folder, the newest first, and the bytes that the earlier ones need.

    Args:
        ours: folder in the bucket with the generations of all plugin folders.
        folder: name of the plugin folder.

    Raises:
        OSError: S3 does not answer.
    """
    store, shape = Store(os.path.join(ours, folder)), tree.layout(folder)
    live, history = every(store)
    known, there = {**history, **live}, store.parts()
    found: List[Listed] = []
    used: Dict[str, int] = {}
    order = sorted(known, key=lambda name: (known[name].number, known[name].created, name))
    for name in order:
        one = known[name]
        parents = [known[parent] for parent in one.parents if parent in known]
        before = max(parents, key=lambda each: each.number) if parents else NOTHING
        told = changes(shape, before, one) if parents or not one.parents else ["(what was before is not kept)"]
        label = f"{folder[0]}{one.number}"
        used[label] = used.get(label, 0) + 1
        label += "" if used[label] == 1 else chr(ord("a") + min(used[label], 26) - 1)
        found.append(Listed(label, folder, name, one.created, told, one.parts.keys() <= there))
    return found[::-1], space(history.values(), live.values())


def go_back(local: str, ours: str, one: Listed, say: Say) -> List[str]:
    """Make a folder what it was in an earlier generation; the sync daemon saves that as a new one.

    Args:
        local: folder on local disk with the plugin folders.
        ours: folder in the bucket with their generations.
        one: to which.
        say: takes lines for the log.

    Returns:
        Entries that were changed.

    Raises:
        OSError: another process is at it, an archive is gone, S3 does not answer, the disk is full, or something that is
            not in the bucket would be lost; nothing was changed.
    """
    folder, shape = os.path.join(ours, one.folder), tree.layout(one.folder)
    live, history = every(Store(folder))
    generation = {**history, **live}[one.name]
    work, root = os.path.join(local, exchange.WORK), os.path.join(local, one.folder)
    with exchange.alone(local, "another melda-env back runs in this container", exchange.LAST):
        folders.remove(work)
        try:
            if brought(one.folder, work, ours, lambda text, level="": None, {one.name: generation}).damaged:
                raise OSError(f"an archive of generation {one.name} is damaged or gone")
            with exchange.held(shape, root, say, exchange.SAVING, exchange.PATIENCE):
                saved = local_index.read(root + ".json")
                same = {
                    entry
                    for entry, held in generation.entries.items()
                    if entry in saved.entries and saved.entries[entry].part == held.part
                }
                kept = {entry: saved.signatures[entry] for entry in same}
                return exchange.exchange(shape, os.path.join(work, one.folder), root, kept, generation.entries)
        finally:
            folders.remove(work)
