"""What this container knows to be in the bucket, on local disk, so that a restart need not fetch it again."""

from __future__ import annotations

import errno
import json
from typing import Collection, Dict, NamedTuple, Tuple

from melda.base import regular_files, textfiles
from melda.sync.in_bucket.generations import Archive, EntryRef, integer


class LocalIndex(NamedTuple):
    """The state of a folder when it was saved, or restored.

    Attributes:
        heads: the generations that the folder holds everything of.
        number: the highest of theirs.
        entries: entry -> where it lies.
        signatures: entry -> signature when it was archived, or unpacked.
        parts: those that ``entries`` names.
    """

    heads: Tuple[str, ...]
    number: int
    entries: Dict[str, EntryRef]
    signatures: Dict[str, str]
    parts: Dict[str, Archive]


NOTHING = LocalIndex((), 0, {}, {}, {})
TAKEN = (
    ".taken.json"  # ends the name of what was taken over from another folder, as it was; the bucket has not got it yet
)
CAME = ".came.json"  # ends the name of what is whole, as melda-env back brought it, or it was in the bucket once
SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of descriptors or memory: says nothing of a file
LARGEST = 128 << 20  # bytes; it is ours, in a folder of the user's


def only(known: LocalIndex, entries: Collection[str]) -> LocalIndex:
    """Return what is known of some entries, for another folder: of that there is no generation yet."""
    held = {entry: known.entries[entry] for entry in entries if entry in known.entries}
    signatures = {entry: known.signatures[entry] for entry in held}
    return LocalIndex((), known.number, held, signatures, {ref.part: known.parts[ref.part] for ref in held.values()})


def without(known: LocalIndex, entries: Collection[str]) -> LocalIndex:
    """Return what is known of all but some entries."""
    held = {entry: ref for entry, ref in known.entries.items() if entry not in entries}
    signatures = {entry: one for entry, one in known.signatures.items() if entry not in entries}
    return known._replace(entries=held, signatures=signatures)


def read(path: str) -> LocalIndex:
    """Return what is known; nothing where the file is missing or is not ours.

    Raises:
        OSError: it cannot be read now, for want of descriptors or memory.
    """
    try:
        heads, number, entries, signatures, parts = json.loads(regular_files.read(path, LARGEST), parse_int=integer)
        return LocalIndex(
            tuple(heads),
            int(number),
            {entry: EntryRef(*held) for entry, held in entries.items()},
            dict(signatures),
            {name: Archive(*part) for name, part in parts.items()},
        )
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno in SHORT:
            raise
        return NOTHING


def write(known: LocalIndex, path: str) -> None:
    """Remember it.

    Raises:
        OSError: it cannot be written.
    """
    textfiles.replace(path, json.dumps(known))
