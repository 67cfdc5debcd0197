"""Locks of Python projects: pylock.toml (PEP 751), poetry.lock, pdm.lock, Pipfile.lock; of each what its project needs to run.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Callable, Dict, List

from melda.envs import Json, links
from melda.envs.errors import Unusable
from melda.envs.formats import poetry_groups, project, tables, wheel_tags
from melda.envs.formats.reading import HASH, Reading, applies, normal
from melda.envs.formats.tables import table

# What a lock's own project is: no package that an index has.
PROJECT = ("virtual", "editable", "directory", "path")


def hashes(files: Any) -> List[str]:
    """Return the hashes of files, as locks write them."""
    found = []
    for one in files if isinstance(files, list) else []:
        given = one.get("hashes", one.get("hash", "")) if isinstance(one, dict) else ""
        listed = [f"{name}:{value}" for name, value in given.items()] if isinstance(given, dict) else [str(given)]
        found += [one for one in listed if HASH.fullmatch(one)]
    return found


def each(reading: Reading, packages: Any, read: Callable[[Json], None]) -> None:
    """Read the packages of a lock, which names all that is needed."""
    reading.complete = True
    tables.each(reading, tables.named(tables.many(packages), "name"), lambda _, one: read(table(one)))


def strange(reading: Reading, lock: Json) -> None:
    """Say of a heading that it is not the format's: what stands below it is not read."""
    for key, value in lock.items():
        if key not in ("package", "packages") and isinstance(value, list):
            for one in value:
                if isinstance(one, dict) and "name" in one:
                    reading.bad("python", str(one["name"]), f"it stands under the unknown heading {key[:50]!r}")


def named(one: Json) -> str:
    """Return a package's name.

    Raises:
        Unusable: it has none.
    """
    name = one.get("name")
    if not isinstance(name, str) or not name:
        raise Unusable("it has no name")
    return name


def version(one: Json) -> str:
    """Return a package's version.

    Raises:
        Unusable: it has none.
    """
    found = one.get("version")
    if not isinstance(found, (str, int, float)) or found == "":
        raise Unusable("it has no version")
    return str(found)


def pylock(reading: Reading, text: str) -> None:
    """Read what pylock.toml says, for the groups that it takes by itself."""
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    lock = tables.toml(text, reading)
    strange(reading, lock)
    head = {
        name: value
        for name, value in lock.items()
        if name not in ("packages", "requires-python", "environments", "tool")
    }
    head = {"lock-version": "1.0", "created-by": "unknown", **head, "packages": []}
    try:
        Pylock.from_dict(head)
    except Exception as error:
        reading.bad("python", "lock", f"its heading is not understood: {error}")
        head = {"lock-version": "1.0", "created-by": "unknown", "packages": []}
    for name in ("requires-python", "environments"):
        try:
            list(
                Pylock.from_dict({**head, **({name: lock[name]} if name in lock else {})}).select(
                    tags=wheel_tags.of_system()
                )
            )
        except Exception as error:
            reading.bad("python", "python", f"the lock is for another one: {error}")

    def one(package: Json) -> None:
        name = named(package)
        if "directory" in package:
            raise Unusable(f"{links.ELSEWHERE}, as a project's own is")
        checked = {**_with_addresses(package), "name": normal(name)}
        try:
            chosen = [
                found
                for found, _ in Pylock.from_dict({**head, "packages": [checked]}).select(tags=wheel_tags.of_system())
            ]
        except (PylockValidationError, PylockSelectError) as error:
            raise Unusable(" ".join(str(error).split())) from None
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
            source = {"type": "url", "url": archive["url"], "hashes": sorted(hashes([archive]))}
            reading.python(name, "", {**source, **links.subdirectory(archive.get("subdirectory", ""))})
        else:
            files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            reading.not_asked(str(package.get("index", "")))
            reading.python(name, version(package), None, hashes(files))

    each(reading, lock.get("packages", []), one)


def _with_addresses(package: Json) -> Json:
    """Return a package of which each file has an address: PDM leaves them out, and an index has them under their names.

    When a file was uploaded nobody asks here, and Pipenv writes it as a text, which is none of TOML's times.
    """

    def addressed(file: Any) -> Any:
        if not isinstance(file, dict):
            return file
        file = {key: value for key, value in file.items() if key != "upload-time"}
        named_only = isinstance(file.get("name"), str) and not {"url", "path"} & file.keys()
        return {**file, "url": f"https://pypi.org/{file['name']}"} if named_only else file

    wheels = package.get("wheels")
    with_wheels = {"wheels": [addressed(one) for one in wheels]} if isinstance(wheels, list) else {}
    return {**package, **with_wheels, **({"sdist": addressed(package["sdist"])} if "sdist" in package else {})}


def poetry(reading: Reading, text: str) -> None:
    """Read what poetry.lock or pdm.lock says: the main group."""
    lock = tables.toml(text, reading)
    strange(reading, lock)
    about = tables.inside(lock, "metadata")

    def one(package: Json) -> None:
        name = named(package)
        groups = package.get("groups", ["main"])
        odd = [one for one in groups if not re.fullmatch(r"[\w.-]+", str(one))]
        if odd or ("main" not in groups and difflib.get_close_matches("main", map(str, groups), 1, tables.ALIKE)):
            raise Unusable("invalid groups {0!r:.100}".format(groups))
        main = package.get("category", "main") == "main" and {"main", "default"} & set(groups)
        if package.get("optional") is True or not main:
            return
        if (
            not applies(_marker(package))
            or (needed is not None and normal(name) not in needed)
            or id(package) not in chosen
        ):
            return
        source = table(package.get("source", {}))
        # poetry says it in a table of its own, PDM in the package's.
        kind = source.get("type", "")
        where = {**source, "git" if kind == "git" else "url": source["url"]} if kind in ("git", "url") else package
        where = {"path": source.get("url", "")} if kind in ("directory", "file") else where
        if kind == "legacy" or not project.located(reading, name, where):
            reading.not_asked(str(source.get("url", "")))
            files = package.get("files") or tables.inside(about, "files").get(name)
            reading.python(name, version(package), None, hashes(files))

    packages = tables.many(lock.get("package"))
    by_name: Dict[str, List[Json]] = {}
    for found in packages:
        if isinstance(found, dict):
            by_name.setdefault(str(found.get("name")), []).append(found)
    chosen = {id(one) for same in by_name.values() for one in _chosen(same)}
    needed = poetry_groups.needed(reading, packages) if str(about.get("lock-version")).startswith("2.0") else None
    each(reading, packages, one)


def _chosen(same: List[Json]) -> List[Json]:
    """Return which of one package's versions is for this Python, the highest: until 2.0 Poetry says no more."""
    fit = [one for one in same if _for_this_python(one)] if len(same) > 1 else []
    highest = max(map(_number, fit), default=None)
    return [one for one in fit if _number(one) == highest] or same


def _number(package: Json) -> Any:
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 not with the launcher's Python

    try:
        return Version(str(package.get("version")))
    except InvalidVersion:
        return Version("0")


def _for_this_python(package: Json) -> bool:
    """Is this package for this Python, and this system if its marker says one?"""
    said = str(package.get("python-versions", package.get("requires_python", "")))
    try:
        pythons = any(applies(project.marker({"python": one})) for one in said.split("||"))
        return pythons and applies(_marker(package))
    except Unusable:
        return True


def _marker(package: Json) -> Any:
    """Return where a package is for: Poetry's field or PDM's, which may have one for each group."""
    marker = package.get("markers", package.get("marker", ""))
    return marker.get("main", "") if isinstance(marker, dict) else marker


def pipfile(reading: Reading, lock: Json) -> None:
    """Read what Pipfile.lock says: the packages for use, and not those for development."""
    listed = tables.part(lock, ("default",), reading)
    tables.misspelt(lock, ("default",), reading)
    if "default" not in lock:
        reading.bad("python", "default", "it has no such heading, below which the packages for use stand")

    sources = tables.part(lock, ("_meta", "sources"), reading, list)
    urls = {str(one.get("name")): one.get("url", "") for one in sources if isinstance(one, dict)}

    def one(package: Json) -> None:
        name = named(package)
        if not applies(project.marker(package)):
            return
        if not project.located(reading, name, package):
            pinned = str(package.get("version", ""))
            if not pinned.startswith("=="):
                raise Unusable("it has no version")
            reading.not_asked(str(urls.get(str(package.get("index")), "")))
            known = [one for one in package.get("hashes", []) if HASH.fullmatch(str(one))]
            reading.python(name, pinned.lstrip("="), None, known, package.get("extras", []))

    def whole(name: str, about: Any) -> Any:
        return {**about, "name": name} if isinstance(about, dict) else {"name": name, "version": about}

    each(reading, [whole(*item) for item in listed.items()], one)
