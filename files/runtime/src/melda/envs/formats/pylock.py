"""pylock.toml (PEP 751): https://packaging.python.org/en/latest/specifications/pylock-toml/."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from melda.envs import document
from melda.envs.errors import UsageError
from melda.versions.libraries import normal

Json = Dict[str, Any]
ALGORITHMS = ("sha256", "sha384", "sha512")


def _load(text: str, path: str) -> Json:
    try:
        import tomllib as toml  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 Python 3.11  # novm
    except ImportError:
        import tomli as toml  # type: ignore[import-not-found, no-redef, unused-ignore]  # noqa: PLC0415 brought by JupyterLab

    try:
        found: Json = toml.loads(text)
    except (toml.TOMLDecodeError, RecursionError) as error:
        raise UsageError("invalid {0!r}: no TOML: {1}".format(path, " ".join(str(error).split())[:200])) from None
    return found


def _table(value: object, what: str) -> Json:
    if not isinstance(value, dict):
        raise UsageError(f"invalid {what}: expected a table")
    return value


def _applies(package: Json, what: str) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415

    try:
        return "marker" not in package or bool(Marker(str(package["marker"])).evaluate({"extra": ""}))
    except (InvalidMarker, UndefinedEnvironmentName) as error:
        raise UsageError(f"{what}: invalid marker: {str(error).splitlines()[0][:200]}") from None


def _hashes(tables: List[Json], what: str) -> List[str]:
    found = set()
    for table in tables:
        given = _table(table.get("hashes", {}), what)
        found |= {f"{name}:{given[name]}" for name in ALGORITHMS if isinstance(given.get(name), str)}
    if not found:
        raise UsageError(f"invalid {what}: it has no hashes")
    return sorted(found)


def _source(package: Json, what: str) -> Json:
    """Source, and hashes, of a package: one of vcs, directory, archive, or files of an index."""
    if "directory" in package:
        raise UsageError(f"invalid {what}: it is a folder of the host that wrote the file")
    if "vcs" in package:
        vcs = _table(package["vcs"], what)
        source = {"type": "vcs", "vcs": vcs.get("type"), "url": vcs.get("url"), "commit": vcs.get("commit-id")}
        return {"source": {**source, **({"subdirectory": vcs["subdirectory"]} if "subdirectory" in vcs else {})}}
    if "archive" in package:
        archive = _table(package["archive"], what)
        if "url" not in archive:
            raise UsageError(f"invalid {what}: it is a file of the host that wrote the file")
        source = {"type": "url", "url": archive["url"], "hashes": _hashes([archive], what)}
        return {
            "source": {**source, **({"subdirectory": archive["subdirectory"]} if "subdirectory" in archive else {})}
        }
    wheels = package.get("wheels", [])
    if not isinstance(wheels, list):
        raise UsageError(f"invalid {what}: wheels must be an array")
    files = [*wheels, *([package["sdist"]] if "sdist" in package else [])]
    return {"source": {"type": "index"}, "hashes": _hashes([_table(one, what) for one in files], what)}


def read(text: str, path: str) -> Json:
    """Return the environment.

    Raises:
        UsageError: it is invalid, or names files of another host.
    """
    lock = _load(text, path)
    if not re.fullmatch(r"1\.\d+", str(lock.get("lock-version", ""))):
        raise UsageError(
            "invalid {0!r}: lock-version is {1!r}, not 1.0".format(path, str(lock.get("lock-version"))[:50])
        )
    packages = lock.get("packages", [])
    if not isinstance(packages, list):
        raise UsageError(f"invalid {path!r}: packages must be an array of tables")
    entries: Dict[str, Json] = {}
    for number, package in enumerate(packages):
        what = f"{path!r}: packages[{number}]"
        name = normal(str(_table(package, what).get("name", "")))
        if not _applies(package, what):
            continue
        if name in entries:
            raise UsageError(f"invalid {what}: {name[:100]} stands there twice")
        entries[name] = {"name": name, "version": package.get("version", ""), **_source(package, what)}
    found = document.empty()
    found["python"]["packages"] = [entries[name] for name in sorted(entries)]
    return found
