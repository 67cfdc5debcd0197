"""What was carried over from the folders of another Python or R: a record in the project, by the name of the new folder."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from melda.base import folders, regular_files, textfiles
from melda.base.addresses import hide
from melda.base.paths import PROJECT_STATE

NAME = "upgrade.json"
SCHEMA = 1
LARGEST, MOST = 1 << 20, 2000  # bytes of the file; packages that it names
LONGEST = 300  # characters of a value
FOLDER = re.compile(r"(?P<kind>Python|R)-(?P<version>\d+\.\d+\.\d+)")
WHOLE, PACKAGES = "whole", "packages"


class Failure(NamedTuple):
    """A package that could not be carried over: ``python`` or ``r``, its name and version there, and why."""

    kind: str
    name: str
    version: str
    reason: str


class Carried(NamedTuple):
    """How one folder was filled from another.

    Attributes:
        source: name of the folder of the other Python or R.
        how: WHOLE: taken over as it was; PACKAGES: each installed again.
        done: nothing is left to do.
        failures: what could not be had, or does not load.
        checked: what was taken over as it was has been loaded once.
        mark: another one when the source has changed since, see :meth:`Project.mark`; empty: not known.
        had: names of the packages that the source had; what it has beyond them came later.
    """

    source: str
    how: str
    done: bool = False
    failures: Tuple[Failure, ...] = ()
    checked: bool = False
    mark: str = ""
    had: Tuple[str, ...] = ()


def path_in(workdir: str) -> str:
    """Return where a project's record lies."""
    return os.path.join(workdir, PROJECT_STATE, NAME)


def _carried(found: Any) -> Optional[Carried]:
    try:
        source, how, done = found["source"], found["how"], found["done"]
        failures = tuple(Failure(*(str(value)[:LONGEST] for value in one)) for one in found["failures"][:MOST])
        mark, had = (
            str(found.get("mark", ""))[:LONGEST],
            tuple(str(name)[:LONGEST] for name in found.get("had", ())[:MOST]),
        )
        right = FOLDER.fullmatch(source) and how in (WHOLE, PACKAGES) and isinstance(done, bool)
    except (TypeError, KeyError, ValueError):
        return None
    return Carried(source, how, done, failures, found.get("checked") is True, mark, had) if right else None


def read(workdir: str) -> Dict[str, Carried]:
    """Return what was carried over, by the name of the new folder; what is no record is none.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        found = json.loads(regular_files.read_if_any(path_in(workdir), LARGEST))
        pairs = [(name, _carried(one)) for name, one in found["folders"].items() if FOLDER.fullmatch(name)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {name: one for name, one in pairs if one}


def note(workdir: str, name: str, one: Carried) -> None:
    """Remember how the folder ``name`` was filled, or is being filled.

    Raises:
        OSError: it cannot be read or written.
    """
    known = read(workdir)
    if known.get(name) == one:
        return
    listed: Dict[str, Any] = {
        folder: {
            **held._asdict(),
            # What a package says, or an installer: it goes into the bucket.
            "failures": [list(failure._replace(reason=hide(failure.reason))) for failure in held.failures[:MOST]],
            "had": list(held.had[:MOST]),
        }
        for folder, held in {**known, name: one}.items()
    }
    folders.make(os.path.dirname(path_in(workdir)))
    textfiles.replace(path_in(workdir), json.dumps({"schema": SCHEMA, "folders": listed}, indent=1) + "\n")


def parts(name: str) -> Tuple[str, str, List[int]]:
    """Return of a folder's name: Python or R, X.Y, and all numbers of its version.

    Raises:
        ValueError: it is no such folder's.
    """
    found = FOLDER.fullmatch(name)
    if not found:
        raise ValueError(name)
    version = found.group("version")
    return found.group("kind"), version.rpartition(".")[0], [int(number) for number in version.split(".")]


def same_series(one: str, other: str) -> bool:
    """Are these folders of one X.Y? Then what is in one works in the other."""
    return parts(one)[:2] == parts(other)[:2]
