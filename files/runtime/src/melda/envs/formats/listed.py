"""JSON of pip list, pip inspect, pip's report, and conda list."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from melda.envs.capture import python
from melda.envs.errors import Unusable
from melda.envs.formats import matchspec
from melda.envs.formats.reading import Reading
from melda.envs.links import ELSEWHERE

Json = Dict[str, Any]


def packages(found: Any) -> Optional[List[Any]]:
    """Return the packages of such a text; None: it is none."""
    if isinstance(found, dict):
        found = found.get("installed", found.get("install"))
    named = isinstance(found, list) and any(
        isinstance(one, dict) and ("name" in one or "metadata" in one) for one in found
    )
    return found if named else None


def _one(reading: Reading, one: Json) -> None:
    about = one.get("metadata", one)
    name, version = about.get("name"), about.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise Unusable("expected a name and a version")
    direct = one.get("direct_url") or (one.get("download_info") if one.get("is_direct") else None)
    source = python.source(json.dumps(direct) if direct else None)
    if "editable_project_location" in one or source["type"] == "local":
        raise Unusable(ELSEWHERE)
    if one.get("build_string") and one.get("channel") != "pypi":
        matchspec.read(reading, f"{name}={version}={one['build_string']}")
    else:
        reading.python(name, version if source["type"] == "index" else "", source)


def read(listed: List[Any], path: str) -> Reading:
    """Return what such a text lists."""
    reading = Reading(path)
    for number, one in enumerate(listed, 1):
        about = one.get("metadata", one) if isinstance(one, dict) else {}
        name = str(about.get("name") or f"entry {number}") if isinstance(about, dict) else f"entry {number}"
        try:
            _one(reading, one)
        except Unusable as error:
            reading.bad("python", name, str(error))
        except (AttributeError, TypeError):
            reading.bad("python", name, "expected an object about this package")
    return reading
