"""JSON of pip list, pip inspect, pip's report, pipdeptree, conda list and pixi list."""

from __future__ import annotations

import json
from typing import Any, List, Optional

from melda.envs.capture import python
from melda.envs.errors import Unusable
from melda.envs.formats import matchspec, tables
from melda.envs.formats.reading import Reading
from melda.envs.links import ELSEWHERE

TREE = {"package", "installed_version"}


def _flat(found: List[Any]) -> List[Any]:
    """Return the packages of pipdeptree --json, or of its --json-tree; what is not installed is none."""
    waiting, flat = list(reversed(found)), []
    while waiting:
        one = waiting.pop()
        about = tables.inside(one, "package") or tables.inside(one)
        version = about.get("installed_version")
        if "installed_version" not in about:
            flat.append(one)  # it is none, and is said to be
        elif version not in (None, "?"):
            flat.append({"name": about.get("package_name", about.get("key")), "version": version})
        waiting += tables.many(tables.inside(one).get("dependencies"))
    return flat


def packages(found: Any) -> Optional[List[Any]]:
    """Return the packages of such a text; None: it is none."""
    if isinstance(found, dict):
        found = found.get("installed", found.get("install"))
    if isinstance(found, list) and any(isinstance(one, dict) and TREE & one.keys() for one in found):
        found = _flat(found)
    named = isinstance(found, list) and any(
        isinstance(one, dict) and ("name" in one or "metadata" in one) for one in found
    )
    return found if named else None


def _one(reading: Reading, one: Any) -> None:
    about = tables.table(one).get("metadata", one)
    name, version = about.get("name"), about.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise Unusable("expected a name and a version")
    direct = one.get("direct_url") or (one.get("download_info") if one.get("is_direct") else None)
    source = python.source(json.dumps(direct) if direct else None)
    if "editable_project_location" in one or source["type"] == "local":
        raise Unusable(ELSEWHERE)
    build = one.get("build_string") or (one.get("build") if one.get("kind") == "conda" else "")
    if build and one.get("channel") != "pypi":
        matchspec.read(reading, f"{name}={version}={build}")
    else:
        reading.python(name, version if source["type"] == "index" else "", source)


def read(reading: Reading, listed: List[Any]) -> None:
    """Read what such a text lists."""
    names = tables.named([tables.inside(one, "metadata") or one for one in listed], "name")
    tables.each(reading, [(name, one) for (name, _), one in zip(names, listed)], lambda _, one: _one(reading, one))
