"""How each R package will be had, and in which order packages from source are installed."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Set

from melda.config import environ
from melda.envs import Json
from melda.envs.diff import same_version
from melda.envs.restore.r_settle import REPOSITORIES


class Library(NamedTuple):
    """Where packages go.

    Attributes:
        place: of the container.
        root: the user's library.
        files: folder with what was kept beside the capture.
        version: of R.
        architecture: of the host.
    """

    place: environ.ImageLayout
    root: str
    files: str
    version: str
    architecture: str


class Ways(NamedTuple):
    """How each package will be had: apt's binary, a copy that was kept, or its source."""

    apt: List[Json]
    kept: List[Json]
    source: List[Json]


def ways(entries: Sequence[Json], in_apt: Dict[str, str]) -> Ways:
    """Decide how each package is had.

    Args:
        entries: wanted.
        in_apt: version by name, in lower case, of what apt has.
    """
    found = Ways([], [], [])
    for entry in entries:
        binary = in_apt.get(entry["name"].lower(), "")
        if "file" in entry:
            found.kept.append(entry)
        elif binary and entry["source"]["type"] in REPOSITORIES and same_version(binary, entry["version"]):
            found.apt.append(entry)
        else:
            found.source.append(entry)
    return found


def ordered(entries: Sequence[Json], needs: Dict[str, Set[str]]) -> List[Json]:
    """``entries``, each after those of them that it needs; a circle is cut somewhere."""
    by_name = {entry["name"]: entry for entry in entries}
    found: List[Json] = []
    seen: Set[str] = set()
    for start in sorted(by_name):
        waiting = [(start, False)]
        while waiting:
            name, after = waiting.pop()
            if after:
                found.append(by_name[name])
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                waiting += [
                    (one, False)
                    for one in sorted(needs.get(name, ()), reverse=True)
                    if one in by_name and one not in seen
                ]
    return found
