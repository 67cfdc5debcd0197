"""What conda writes: environment.yml, conda list, its --export and --explicit."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from melda.envs.errors import Unusable, UsageError
from melda.envs.formats import matchspec, requirements, tables
from melda.envs.formats.reading import Reading

Json = Dict[str, Any]
EXPLICIT = re.compile(r"^\s*@EXPLICIT\s*$", re.MULTILINE)
EXPORT = re.compile(r"\A(?:#.*\n|\s*\n)*(?:#.*conda create|[\w.-]+=[\w.!+]+=\w+\s*$)", re.MULTILINE)
LIST = re.compile(r"^# packages in environment at|^#\s+Name\s+Version\s+Build", re.MULTILINE)
FILE = re.compile(r"https?://\S+/(?P<name>[\w.-]+?)-(?P<version>[^-/]+)-(?P<build>[^-/]+?)\.(conda|tar\.bz2)(#\w+)?")


def is_environment(text: str) -> bool:
    """Is this environment.yml?"""
    return bool(re.search(r"^(dependencies|channels):", text, re.MULTILINE))


def _each(reading: Reading, given: List[str]) -> None:
    for one in given:
        try:
            matchspec.read(reading, one)
        except Unusable as error:
            reading.bad("python", one.partition("=")[0].strip(), str(error))


def environment(text: str, path: str) -> Reading:
    """Return what environment.yml says."""
    reading = Reading(path)
    try:
        found = tables.yaml(text, reading)
    except UsageError as error:
        reading.bad("python", "environment.yml", f"{error}: what is listed in it is read line by line")
        found = {"dependencies": re.findall(r"^\s*-\s+([^\s:][^:\n]*[^:\s])\s*$", text, re.MULTILINE)}
    listed = found.get("dependencies") if isinstance(found, dict) else None
    if isinstance(listed, dict):
        listed = [listed]
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, str):
            _each(reading, [one])
        elif isinstance(one, dict):
            for name, given in one.items():
                if name == "pip":
                    requirements.into(reading, given if isinstance(given, list) else [given])
                else:
                    reading.bad("python", str(name), "no section of environment.yml that is read: expected pip")
        elif one:
            reading.bad("python", str(one), "no package as conda writes it")
    if reading.empty:
        reading.bad("python", "dependencies", "none that can be read")
    return reading


def lines(text: str, path: str) -> Reading:
    """Return what conda list says, in any of its three forms."""
    reading = Reading(path)
    explicit, table = bool(EXPLICIT.search(text)), bool(LIST.search(text))
    for line in (one.strip() for one in text.splitlines()):
        if not line or line.startswith(("#", "@")):
            continue
        words = line.split()
        file = FILE.fullmatch(line) if explicit else None
        if file:
            _each(reading, ["{0}={1}={2}".format(*file.group("name", "version", "build"))])
        elif explicit:
            reading.bad("python", line, "no address of a package of conda's")
        elif table and len(words) >= 2:
            pip = words[-1] == "pypi" or (len(words) > 2 and words[2] in ("pypi_0", "<pip>"))
            one = "{0}=={1}".format(*words) if pip or len(words) == 2 else "{0}={1}={2}".format(*words)
            if pip:
                requirements.into(reading, [one])
            else:
                _each(reading, [one])
        elif line.endswith("=pypi_0"):
            requirements.into(reading, ["{0}=={1}".format(*line.split("="))])
        else:
            _each(reading, [line])
    return reading
