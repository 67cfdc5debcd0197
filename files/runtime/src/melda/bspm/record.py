"""What the user had installed through apt: only that may be removed, and it is restored in the next container."""

from __future__ import annotations

import json
import os
from typing import Iterable, NamedTuple, Tuple

from melda.base import textfiles
from melda.base.paths import BSPM_RECORD

PATH = BSPM_RECORD


class Record(NamedTuple):
    """Names of Debian packages, sorted.

    Attributes:
        packages: those that were asked for.
        brought: they and what came with them.
    """

    packages: Tuple[str, ...] = ()
    brought: Tuple[str, ...] = ()

    def installed(self, asked: Iterable[str], new: Iterable[str]) -> Record:
        """After an installation of ``asked`` that brought ``new``. What was there before is the image's."""
        brought = {*self.brought, *new}
        return Record(
            tuple(sorted({*self.packages, *asked} & brought)),
            tuple(sorted(brought)),
        )

    def removed(self, gone: Iterable[str]) -> Record:
        """After ``gone`` was removed."""
        return Record(
            tuple(sorted(set(self.packages) - set(gone))),
            tuple(sorted(set(self.brought) - set(gone))),
        )


def read(path: str = PATH) -> Record:
    """Return the record; an empty one where there is none, or none that can be read: then nothing may be removed."""
    try:
        found = json.loads(textfiles.read(path) or "{}")
        lists = [found.get(field, []) for field in Record._fields]
        if all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
            return Record(*(tuple(names) for names in lists))
    except (ValueError, AttributeError):
        pass
    return Record()


def write(record: Record, path: str = PATH) -> None:
    """Write the record, all of it or nothing."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    textfiles.write_if_changed(path, json.dumps(record._asdict(), indent=1) + "\n")
