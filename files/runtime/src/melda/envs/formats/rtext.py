"""Texts of R in Debian's control format: packrat.lock, and the DESCRIPTION of a package or a project."""

from __future__ import annotations

import re
from typing import Dict, List

from melda.envs import links
from melda.envs.capture.r import description
from melda.envs.formats import renv
from melda.envs.formats.reading import Reading

NEEDS = ("Depends", "Imports", "LinkingTo")
NEED = re.compile(r"([A-Za-z][A-Za-z0-9.]*[A-Za-z0-9])\s*(?:\(\s*([<>=!]+)\s*([\d.-]+)\s*\))?")
REMOTE = re.compile(
    r"(?:(?P<kind>github|gitlab|bitbucket)::)?(?P<owner>[\w.-]+)/(?P<name>[\w.]+)(?:/(?P<inside>[\w./-]+))?(?:@(?P<ref>\S+))?"
)


def is_packrat(text: str) -> bool:
    """Is this packrat.lock?"""
    return bool(re.search(r"^Packrat(Format|Version):", text, re.MULTILINE))


def is_description(text: str) -> bool:
    """Is this a DESCRIPTION?"""
    needs = re.search(r"^(Imports|Depends|LinkingTo|Suggests|Remotes):", text, re.MULTILINE)
    return bool(needs and re.search(r"^(Package|Type|Title|Version|Depends|Description):", text, re.MULTILINE))


def packrat(text: str, path: str) -> Reading:
    """Return what packrat.lock says."""
    reading = Reading(path)
    paragraphs = [one for one in re.split(r"\n[ \t\r]*\n", text) if one.strip()]
    for number, one in enumerate(paragraphs):
        fields = description(one)
        for line in one.splitlines():
            if line[:1] not in " \t" and ":" not in line:
                reading.bad("r", line.strip(), "no field: expected NAME: VALUE")
        if "Package" in fields:
            renv.add(reading, fields["Package"], dict(fields), "", _repositories(paragraphs))
        elif "PackratFormat" in fields or "RVersion" in fields:
            version = fields.get("RVersion", "")
            reading.versions["r"] = version if re.fullmatch(r"\d+\.\d+(\.\d+)?", version) else ""
        else:
            reading.bad("r", f"paragraph {number + 1}", "it names no package")
    return reading


def _repositories(paragraphs: List[str]) -> Dict[str, str]:
    found = description(paragraphs[0]).get("Repos", "") if paragraphs else ""
    return {name.strip(): url.strip() for name, _, url in (one.partition("=") for one in found.split(","))}


def _remote(reading: Reading, text: str) -> str:
    found = REMOTE.fullmatch(text)
    if not found:
        reading.bad("r", text, "a remote that is not read: expected OWNER/NAME, of GitHub, GitLab or Bitbucket")
        return ""
    source = {"type": found.group("kind") or "github", "owner": found.group("owner"), "repository": found.group("name")}
    ref = (found.group("ref") or "").lstrip("*")
    reading.r(
        found.group("name"), "",
        {**source, **links.commit_or_ref(ref), **links.subdirectory(found.group("inside") or "")},
    )  # fmt: skip
    return found.group("name")


def declared(text: str, path: str) -> Reading:
    """Return what a DESCRIPTION needs; not what it only suggests."""
    reading = Reading(path)
    fields = description(text)
    remotes = {_remote(reading, one.strip()) for one in fields.get("Remotes", "").split(",") if one.strip()}
    for field in NEEDS:
        for one in (part.strip() for part in fields.get(field, "").split(",")):
            found = NEED.fullmatch(one)
            if found and found.group(1) not in (*renv.BASE, *remotes, "R"):
                version = (found.group(3) or "") if found.group(2) == "==" else ""
                if found.group(2) and found.group(2).startswith(">"):
                    reading.at_least[found.group(1)] = found.group(3)
                reading.r(found.group(1), version)
            elif one and not found and not re.match(r"R\b", one):
                reading.bad("r", one, "no name of a package, with or without a version in ()")
    for line in text.splitlines():
        if line.strip() and line[0] not in " \t#" and not re.match(r"[\w@/.-]+\s*:", line):
            reading.bad("r", line.strip(), "no field: expected NAME: VALUE")
    if reading.empty:
        reading.say("it needs no packages")
    if "Suggests" in fields:
        reading.say("Suggests is left out: what a DESCRIPTION needs is installed")
    return reading
