"""What of a poetry.lock is needed to run, where the lock itself does not say it: those of Poetry 1.5 to 1.8."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from melda.envs import Json
from melda.envs.errors import Unusable, UsageError
from melda.envs.formats import tables
from melda.envs.formats.reading import Reading, normal

UNSAID = "this lock does not say what is only for development: all of it is installed; with its pyproject.toml beside it, less"


def needed(reading: Reading, packages: List[Any]) -> Optional[Set[str]]:
    """Return the names of what a project needs to run, by the pyproject.toml beside its lock; None: it may be all.

    Args:
        reading: knows the folder, and is told if nothing says it.
        packages: of the lock.
    """
    known = [one for one in packages if isinstance(one, dict) and isinstance(one.get("name"), str)]
    if any("groups" in one or "category" in one for one in known):
        return None
    by_name: Dict[str, List[Json]] = {}
    for one in known:
        by_name.setdefault(normal(one["name"]), []).append(one)
    waiting = [one for one in _declared(reading) if one[0] in by_name]
    if not waiting:
        reading.say(UNSAID)
        return None
    seen: Set[Tuple[str, bool]] = set()
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += [one for package in by_name.get(at[0], []) for one in _needs(package, at[1])]
    return {name for name, _ in seen}


def _declared(reading: Reading) -> List[Tuple[str, bool]]:
    """Return the names of what a project declares, and whether it is with extras."""
    told = Reading(reading.path)
    try:
        found = tables.toml(reading.beside("pyproject.toml"), told)
    except (Unusable, UsageError):
        return []
    listed = tables.part(found, ("tool", "poetry", "dependencies"), told)
    names = [(normal(name), bool(about.get("extras"))) for name, about in _each(listed)]
    for one in map(str, tables.part(found, ("project", "dependencies"), told, list)):
        names.append((normal(re.split(r"[^\w.-]", one, maxsplit=1)[0]), "[" in one.partition(";")[0]))
    return names


def _each(listed: Any) -> Iterator[Tuple[str, Json]]:
    for name, about in tables.inside(listed).items():
        for one in tables.many(about):
            yield str(name), tables.inside(one)


def _needs(package: Json, extras: bool) -> List[Tuple[str, bool]]:
    """Return what a package needs; what is for its extras only if one of them is wanted, whichever."""
    needs = _each(package.get("dependencies"))
    return [(normal(name), bool(about.get("extras"))) for name, about in needs if extras or not about.get("optional")]
