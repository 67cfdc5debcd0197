"""Locks of Python projects: pylock.toml (PEP 751), uv.lock, poetry.lock, Pipfile.lock; of each what its project needs to run.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, Set

from melda.envs import links
from melda.envs.errors import Unusable
from melda.envs.formats import tables
from melda.envs.formats.reading import HASH, Reading, applies, normal
from melda.envs.formats.tables import table

Json = Dict[str, Any]
# What a lock's own project is: no package that an index has.
PROJECT = ("virtual", "editable", "directory", "path")


def _hashes(files: Any) -> List[str]:
    found = []
    for one in files if isinstance(files, list) else []:
        given = one.get("hashes", one.get("hash", "")) if isinstance(one, dict) else ""
        listed = [f"{name}:{value}" for name, value in given.items()] if isinstance(given, dict) else [str(given)]
        found += [one for one in listed if HASH.fullmatch(one)]
    return found


def _each(reading: Reading, packages: Any, read: Callable[[Json], None]) -> Reading:
    """Read packages one by one; what is wrong with one costs it alone."""
    reading.complete = True
    for number, one in enumerate(packages if isinstance(packages, list) else [packages]):
        name = str(one.get("name") or "") if isinstance(one, dict) else ""
        try:
            read(table(one))
        except Unusable as error:
            version = one.get("version", "") if isinstance(one, dict) else ""
            reading.bad("python", name or f"package {number + 1}", str(error), str(version))
        except Exception as error:  # of whatever shape a field has that is not what the format says
            reading.bad("python", name or f"package {number + 1}", f"it is not understood: {error!r:.200}")
    return reading


def _strange(reading: Reading, lock: Json) -> None:
    """Say of a heading that it is not the format's: what stands below it is not read."""
    for key, value in lock.items():
        if key not in ("package", "packages") and isinstance(value, list):
            for one in value:
                if isinstance(one, dict) and "name" in one:
                    reading.bad("python", str(one["name"]), f"it stands under the unknown heading {key[:50]!r}")


def _named(one: Json) -> str:
    name = one.get("name")
    if not isinstance(name, str) or not name:
        raise Unusable("it has no name")
    return name


def _version(one: Json) -> str:
    version = one.get("version")
    if not isinstance(version, (str, int, float)) or version == "":
        raise Unusable("it has no version")
    return str(version)


def pylock(text: str, path: str) -> Reading:
    """Return what pylock.toml says, for the groups that it takes by itself."""
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    reading = Reading(path)
    lock = tables.toml(text, reading)
    _strange(reading, lock)
    head = {
        name: value
        for name, value in lock.items()
        if name not in ("packages", "requires-python", "environments", "tool")
    }
    head = {"lock-version": "1.0", "created-by": "unknown", **head, "packages": []}
    try:
        Pylock.from_dict(head)
    except Exception as error:
        reading.bad("python", "lock", f"its heading is not understood: {error}"[:200])
        head = {"lock-version": "1.0", "created-by": "unknown", "packages": []}
    for name in ("requires-python", "environments"):
        try:
            list(Pylock.from_dict({**head, **({name: lock[name]} if name in lock else {})}).select())
        except Exception as error:
            reading.bad("python", "python", f"the lock is for another one: {error}"[:200])

    def one(package: Json) -> None:
        name = _named(package)
        if "directory" in package:
            raise Unusable(f"{links.ELSEWHERE}, as a project's own is")
        try:
            chosen = [
                found
                for found, _ in Pylock.from_dict({**head, "packages": [{**package, "name": normal(name)}]}).select()
            ]
        except (PylockValidationError, PylockSelectError) as error:
            raise Unusable(" ".join(str(error).split())[:200]) from None
        if not chosen:
            return
        if "vcs" in package:
            vcs = package["vcs"]
            if vcs["type"] != "git" or "url" not in vcs:
                raise Unusable("only git repositories with an address are fetched")
            reading.python(name, "", links.git(vcs["url"], vcs["commit-id"], vcs.get("subdirectory", "")))
        elif "archive" in package:
            archive = package["archive"]
            if "url" not in archive:
                raise Unusable(links.ELSEWHERE)
            source = {"type": "url", "url": archive["url"], "hashes": sorted(_hashes([archive]))}
            reading.python(name, "", {**source, **links.subdirectory(archive.get("subdirectory", ""))})
        else:
            files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            reading.python(name, _version(package), None, _hashes(files))

    return _each(reading, lock.get("packages", []), one)


def _git(url: str, inside: str = "") -> Json:
    """uv's address of a commit: https://HOST/x.git?rev=main#COMMIT."""
    address, _, fragment = url.partition("#")
    address, _, query = address.partition("?")
    said = dict(part.partition("=")[::2] for part in query.split("&") if part)
    ref = fragment or said.get("rev") or said.get("tag") or said.get("branch") or ""
    return links.git(address, ref, inside or said.get("subdirectory", ""))


def uv(text: str, path: str) -> Reading:
    """Return what uv.lock says: what its project needs, or if none is in it all packages."""
    reading = Reading(path)
    lock = tables.toml(text, reading)
    _strange(reading, lock)
    packages = lock.get("package", [])
    packages = packages if isinstance(packages, list) else [packages]
    usable = [
        one
        for one in packages
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("source", {}), dict)
    ]
    projects = [one for one in usable if {"virtual", "editable"} & one.get("source", {}).keys()]
    needed = _needed(usable, projects)

    def one(package: Json) -> None:
        name, source = _named(package), table(package.get("source", {}))
        if projects and not any(package is found for found in needed):
            return
        if {"virtual"} & source.keys():
            reading.say(f"{name}: the lock's own project, whose folder is not here; what it needs is installed")
        elif set(PROJECT) & source.keys():
            raise Unusable(f"{links.ELSEWHERE}, as a project's own is; what it needs is installed")
        elif "git" in source:
            reading.python(name, "", _git(str(source["git"]), str(source.get("subdirectory", ""))))
        elif "url" in source:
            files = [package.get("sdist"), *package.get("wheels", [])]
            hashes = sorted(_hashes(files))
            more = links.subdirectory(str(source.get("subdirectory", "")))
            reading.python(
                name, "", {"type": "url", "url": source["url"], **({"hashes": hashes} if hashes else {}), **more}
            )
        else:
            _elsewhere(reading, name, source)
            reading.python(name, _version(package), None, _hashes([package.get("sdist"), *package.get("wheels", [])]))

    return _each(reading, packages, one)


def _elsewhere(reading: Reading, name: str, source: Json) -> None:
    """Another index is not asked; its packages may be there under the same name all the same."""
    index = str(source.get("registry", source.get("url", "")))
    if index and not re.match(r"https://(pypi\.org|pypi\.python\.org|files\.pythonhosted\.org)(/|$)", index):
        reading.say(f"the index {index} is not asked, but that of this image's pip")


def _needed(packages: List[Json], projects: List[Json]) -> List[Json]:
    """Return what projects of a lock need, on this Python and system, whatever depth it has."""
    by_name: Dict[str, List[Json]] = {}
    for one in packages:
        by_name.setdefault(normal(one["name"]), []).append(one)
    found: List[Json] = list(projects)
    seen: Set[Any] = set()
    waiting = [(one, "") for one in projects]
    while waiting:
        package, extra = waiting.pop()
        for need in _needs(package, extra):
            for target in by_name.get(normal(str(need.get("name", ""))), []):
                if need.get("version") in (None, target.get("version")) and _here(need, target):
                    for wanted in ["", *(str(one) for one in need.get("extra", []))]:
                        if (id(target), wanted) not in seen:
                            seen.add((id(target), wanted))
                            waiting.append((target, wanted))
                    if not any(target is one for one in found):
                        found.append(target)
    return found


def _needs(package: Json, extra: str) -> Iterator[Json]:
    optional = package.get("optional-dependencies", {})
    listed = optional.get(extra, []) if extra and isinstance(optional, dict) else package.get("dependencies", [])
    return (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict))


def _here(need: Json, target: Json) -> bool:
    try:
        markers = target.get("resolution-markers", [])
        return applies(need.get("marker")) and (not markers or any(applies(one) for one in markers))
    except Unusable:
        return True  # it is read, and says itself what is wrong


def poetry(text: str, path: str) -> Reading:
    """Return what poetry.lock says: the main group."""
    reading = Reading(path)
    lock = tables.toml(text, reading)
    _strange(reading, lock)
    metadata = lock.get("metadata")
    old = metadata.get("files", {}) if isinstance(metadata, dict) else {}

    def one(package: Json) -> None:
        name = _named(package)
        groups, marker = package.get("groups", ["main"]), package.get("markers", "")
        marker = marker.get("main", "") if isinstance(marker, dict) else marker
        if package.get("optional") is True or package.get("category", "main") != "main" or "main" not in groups:
            return
        twice = [one for one in packages if isinstance(one, dict) and one.get("name") == name]
        if not applies(marker) or (len(twice) > 1 and not _for_this_python(package)):
            return
        source = table(package.get("source", {}))
        kind = source.get("type", "")
        if kind == "git":
            ref = str(source.get("resolved_reference") or source.get("reference") or "")
            reading.python(name, "", links.git(str(source["url"]), ref, str(source.get("subdirectory", ""))))
        elif kind == "url":
            reading.python(name, "", {"type": "url", "url": str(source["url"])})
        elif kind in ("directory", "file"):
            raise Unusable(links.ELSEWHERE)
        else:
            _elsewhere(reading, name, source)
            files = package.get("files") or (old.get(name, []) if isinstance(old, dict) else [])
            reading.python(name, _version(package), None, _hashes(files))

    packages = lock.get("package", [])
    packages = packages if isinstance(packages, list) else [packages]
    return _each(reading, packages, one)


def _for_this_python(package: Json) -> bool:
    import platform  # noqa: PLC0415

    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 not with the launcher's Python

    try:
        return SpecifierSet(str(package.get("python-versions", ""))).contains(platform.python_version())
    except InvalidSpecifier:
        return True


def pipfile(lock: Json, path: str) -> Reading:
    """Return what Pipfile.lock says: the packages for use, and not those for development."""
    reading = Reading(path)
    listed = lock.get("default", {})

    def one(package: Json) -> None:
        name = _named(package)
        if not applies(package.get("markers")):
            return
        if "git" in package:
            inside = str(package.get("subdirectory", ""))
            reading.python(name, "", links.git(str(package["git"]), str(package.get("ref", "")), inside))
        elif "path" in package or package.get("editable") or str(package.get("file", "")).startswith("."):
            raise Unusable(links.ELSEWHERE)
        elif "file" in package:
            reading.python(name, "", links.read(str(package["file"])).source)
        else:
            version = str(package.get("version", ""))
            if not version.startswith("=="):
                raise Unusable("it has no version")
            hashes = [one for one in package.get("hashes", []) if HASH.fullmatch(str(one))]
            reading.python(name, version.lstrip("="), None, hashes, package.get("extras", []))

    def named(name: str, about: Any) -> Any:
        return {**about, "name": name} if isinstance(about, dict) else {"name": name, "version": about}

    return _each(reading, [named(*item) for item in table(listed).items()], one)
