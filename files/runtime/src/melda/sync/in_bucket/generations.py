"""What the bucket says of one plugin folder: generations, each a list of entries and of the archives they lie in.

Nothing in the bucket is ever changed, so nothing is ever half changed: a generation counts from the moment its manifest
is there. Two containers that save at the same time make two generations of which neither is the other's parent, and the
next start takes both: of each package the state that is the result of more generations. Clocks only decide where that is
equal.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Set, Tuple

from melda.sync.on_disk.shared_folders import is_shared

SCHEMA = 1
# Of a manifest with entries in ``share`` and its like, which were one entry each: who knows no more than schema 1 would take
# nothing of them, and save without them. It reports what it cannot read, leaves it alone, and what it saves is merged.
SCHEMA_SHARED = 2
LARGEST, RESERVE = 32 << 20, 1 << 20  # bytes of a manifest; those of them that its entries leave to all else
# What a manifest may say: more than any folder has, and little enough to be read where memory is short.
MOST_ENTRIES, MOST_PARENTS, MOST_NUMBER = 200_000, 1000, 1 << 53
LARGEST_PART, LATEST, LONGEST = 1 << 42, 1e11, 4000  # bytes; seconds since 1970; bytes of an entry's path
DIGITS = 20  # of a number; Python takes a second for a million of them, and writes none of more than 4300
MOST_PARTS = 12  # archives of one generation; each costs a few requests at the next start
NAME = re.compile(r"[0-9a-f]{16}")


class Archive(NamedTuple):
    """One archive.

    Attributes:
        sha256: of the archive, in hex.
        size: in bytes.
        entries: how many it held when it was made; later generations may use fewer.
    """

    sha256: str
    size: int
    entries: int


class EntryRef(NamedTuple):
    """Where an entry lies.

    Attributes:
        part: name of the archive.
        number: of the generation that brought this state of the entry.
    """

    part: str
    number: int


class Generation(NamedTuple):
    """The state of a folder at one moment.

    Attributes:
        parents: names of the generations it holds everything of.
        number: one more than the highest of its parents.
        created: seconds since 1970, by the clock of the container that made it.
        parts: name -> archive.
        entries: path in the folder -> where it lies.
    """

    parents: Tuple[str, ...]
    number: int
    created: float
    parts: Dict[str, Archive]
    entries: Dict[str, EntryRef]


def _expect(right: bool, what: str) -> None:
    if not right:
        raise ValueError(what)


def _is_entry(path: str) -> bool:
    steps = path.split("/")
    return (
        "\0" not in path
        and all(step not in ("", ".", "..") for step in steps)
        and len(os.fsencode(path)) <= LONGEST  # fails for what no file can be called
        and all(len(os.fsencode(step)) <= 255 for step in steps)
    )


def integer(text: str) -> int:
    """Return a number in a text of JSON's that somebody else wrote.

    Raises:
        ValueError: it has more digits than any of ours.
    """
    _expect(len(text) <= DIGITS, f"a number of {len(text)} digits")
    return int(text)


def _constant(text: str) -> float:
    raise ValueError(text)


def _values(text: str) -> int:
    """Return how many values a text of JSON's has, at least as far as it is one: names may hold any of its signs."""
    text = text.replace("\\\\", "").replace('\\"', "")  # what is left of quotes begins and ends a string
    quotes = text.count('"')
    _expect(quotes <= 8 * MOST_ENTRIES, f"{quotes // 2} strings")
    return sum(piece.count(sign) for piece in text.split('"')[::2] for sign in "[{,")


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    _expect(len(found) == len(pairs), "a name that is there twice")
    return found


def _is_count(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def parse(name: str, text: str) -> Generation:
    """Return the generation ``name`` from its manifest, which anybody who can write the project may have written.

    Raises:
        ValueError: it is no manifest of ours.
    """
    try:
        # Counted before it is read: a list takes twenty times the memory of its text.
        values = _values(text)
        _expect(values <= 4 * MOST_ENTRIES, f"{values} values")
        found = json.loads(text, parse_int=integer, parse_constant=_constant, object_pairs_hook=_once)
        _expect(found["schema"] in (SCHEMA, SCHEMA_SHARED), "another schema")
        parents, number, created = tuple(found["parents"]), found["number"], found["created"]
        parts = {part: Archive(**fields) for part, fields in found["parts"].items()}
        entries = {entry: EntryRef(*held) for entry, held in found["entries"].items()}
        _expect(type(created) in (int, float) and math.isfinite(created) and 0 <= created < LATEST, "created")
        _expect(_is_count(number, 0, MOST_NUMBER), "number")
        _expect(len(parents) <= MOST_PARENTS, "parents")
        _expect(all(NAME.fullmatch(parent) and parent != name for parent in parents), "parents")
        for part, (sha256, size, count) in parts.items():
            _expect(bool(NAME.fullmatch(part) and re.fullmatch(r"[0-9a-f]{64}", sha256)), "parts")
            _expect(_is_count(size, 1, LARGEST_PART) and _is_count(count, 1, MOST_NUMBER), "parts")
        for entry, held in entries.items():
            _expect(_is_entry(entry) and held.part in parts and _is_count(held.number, 0, MOST_NUMBER), "entries")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError) as error:
        raise ValueError(f"{name}.json is no manifest: {error}") from None
    return Generation(parents, number, created, parts, entries)


def dump(generation: Generation) -> str:
    """Return the manifest's text."""
    parts = {name: part._asdict() for name, part in generation.parts.items()}
    schema = SCHEMA_SHARED if any(is_shared(entry) for entry in generation.entries) else SCHEMA
    return json.dumps({"schema": schema, **generation._asdict(), "parts": parts}, indent=1)


def heads(known: Mapping[str, Generation]) -> List[str]:
    """Those that are nobody's parents, the newest first. All of them, if garbage made them each other's parents."""
    parents = {parent for generation in known.values() for parent in generation.parents}
    found = [name for name in known if name not in parents] or list(known)
    return sorted(found, key=lambda name: (known[name].created, name), reverse=True)


def ancestors(known: Mapping[str, Generation], name: str) -> Set[str]:
    """Parents, their parents, and so on, as far as they are known."""
    found: Set[str] = set()
    todo = list(known[name].parents) if name in known else []
    while todo:
        one = todo.pop()
        if one not in found and one in known:
            found.add(one)
            todo += known[one].parents
    return found


def prunable(known: Mapping[str, Generation], own: str) -> Set[str]:
    """Return what ``own`` replaces: all it descends from but its parents, which stay in case it is damaged."""
    return ancestors(known, own) - set(known[own].parents) - {own}


def unused(gone: Collection[Generation], left: Collection[Generation]) -> Set[str]:
    """Parts of generations that are gone which no other one has.

    Parts that no manifest names are left alone: another container may be about to write it.
    """
    return {part for each in gone for part in each.parts} - {part for each in left for part in each.parts}


def plan(
    saved: Mapping[str, EntryRef], parts: Mapping[str, Archive], now: Collection[str], compact: bool
) -> Tuple[Dict[str, EntryRef], List[str]]:
    """Return what a new generation takes from the archives that are there, and what goes into a new one.

    Args:
        saved: entries that are as they were when they were archived -> where.
        parts: those that are there.
        now: all entries.
        compact: archive everything again where more than half of what lies there is of no use, or it is too many.

    Returns:
        Entries that are kept -> where, and the entries to be archived.
    """
    kept = {entry: saved[entry] for entry in now if entry in saved and saved[entry].part in parts}
    used: Dict[str, int] = {}
    for part, _ in kept.values():
        used[part] = used.get(part, 0) + 1
    held = sum(parts[part].size for part in used)
    useful = sum(parts[part].size * min(1.0, count / parts[part].entries) for part, count in used.items())
    if compact and (len(used) >= MOST_PARTS or 2 * useful < held):
        kept = {}
    return kept, sorted(set(now) - set(kept))
