"""uv.lock: what its project needs on this Python and system, or if none is in it all packages."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Set

from melda.envs import Json, links
from melda.envs.errors import Unusable
from melda.envs.formats import locks, tables
from melda.envs.formats.reading import Reading, applies, normal
from melda.envs.formats.tables import table


def read(reading: Reading, text: str) -> None:
    """Read what uv.lock says: what its project needs, or if none is in it all packages."""
    lock = tables.toml(text, reading)
    locks.strange(reading, lock)
    packages = tables.many(lock.get("package"))
    usable = [
        one
        for one in packages
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("source", {}), dict)
    ]
    tables.misspelt(lock, ("package",), reading)
    # One without a source is a project whose source is misspelt: it costs itself, and not what it needs.
    projects = [one for one in usable if {"virtual", "editable"} & one.get("source", {"virtual": ""}).keys()]
    for one in usable:
        tables.misspelt(one, ("dependencies",), reading, ("optional-dependencies", "dev-dependencies"))
        for need in _needs(one, ""):
            if not isinstance(need.get("name"), str):
                reading.bad("python", str(one["name"]), "one of its dependencies has no name")
    needed = _needed(reading, usable, projects)

    def read_one(package: Json) -> None:
        name, source = locks.named(package), table(package.get("source", {}))
        if projects and not any(package is found for found in needed):
            return
        if not source:
            raise Unusable("it has no source")
        if not isinstance(package.get("resolution-markers", []), list):
            raise Unusable("its resolution-markers are no list")
        hashes = locks.hashes([package.get("sdist"), *tables.many(package.get("wheels"))])
        if "virtual" in source:
            reading.say(f"{name}: the lock's own project, whose folder is not here; what it needs is installed")
        elif set(locks.PROJECT) & source.keys():
            raise Unusable(f"{links.ELSEWHERE}, as a project's own is; what it needs is installed")
        elif "git" in source:
            reading.python(name, "", links.locked(str(source["git"]), str(source.get("subdirectory", ""))))
        elif "url" in source:
            more = {"hashes": sorted(hashes)} if hashes else {}
            more.update(links.subdirectory(str(source.get("subdirectory", ""))))
            reading.python(name, "", {"type": "url", "url": source["url"], **more})
        else:
            reading.not_asked(str(source.get("registry", source.get("url", ""))))
            reading.python(name, locks.version(package), None, hashes)

    locks.each(reading, packages, read_one)


def _needed(reading: Reading, packages: List[Json], projects: List[Json]) -> List[Json]:
    """Return what projects of a lock need, on this Python and system, whatever depth it has."""
    by_name: Dict[str, List[Json]] = {}
    for one in packages:
        by_name.setdefault(normal(one["name"]), []).append(one)
    found: List[Json] = list(projects)
    seen: Set[Any] = set()
    waiting = [(one, "") for one in projects]
    while waiting:
        package, extra = waiting.pop()
        if extra:
            tables.misspelt(package, ("optional-dependencies", extra), reading, ("dependencies", "dev-dependencies"))
        for need in _needs(package, extra):
            named = by_name.get(normal(str(need.get("name", ""))), [])
            targets = [one for one in named if need.get("version") in (None, _version(one, need))]
            if not targets and _here(need, {}):
                reading.bad("python", str(need.get("name", "")), "the lock names it as needed, and has no such package")
            for target in (one for one in targets if _here(need, one)):
                for wanted in ["", *(str(one) for one in tables.part(need, ("extra",), reading, list))]:
                    if (id(target), wanted) not in seen:
                        seen.add((id(target), wanted))
                        waiting.append((target, wanted))
                if not any(target is one for one in found):
                    found.append(target)
    return found


def _version(package: Json, need: Json) -> str:
    """Return a package's version; of one that has none, the one that is needed, as it says itself what is wrong with it."""
    return str(package.get("version", need.get("version")))


def _needs(package: Json, extra: str) -> Iterator[Json]:
    listed = tables.inside(package, "optional-dependencies").get(extra) if extra else package.get("dependencies")
    return (one for one in tables.many(listed) if isinstance(one, dict))


def _here(need: Json, target: Json) -> bool:
    try:
        markers = target.get("resolution-markers", [])
        if not isinstance(markers, list):
            raise Unusable("no list")
        return applies(need.get("marker")) and (not markers or any(applies(one) for one in markers))
    except Unusable:
        return True  # it is read, and says itself what is wrong
