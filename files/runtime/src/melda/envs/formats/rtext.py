"""Texts of R in Debian's control format: packrat.lock, and the DESCRIPTION of a package or a project."""

from __future__ import annotations

import difflib
import re
from typing import Dict, List, Set

from melda.envs import links
from melda.envs.capture.r import description
from melda.envs.errors import Unusable
from melda.envs.formats import renv
from melda.envs.formats.reading import Reading

NEEDS = ("Depends", "Imports", "LinkingTo")
LIMIT = re.compile(r"([<>]=?|==|!=)\s*(\d+(?:[.-]\d+)*)")
NEED = re.compile(r"(R|[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9])\s*(?:\(\s*({0}(?:\s*,\s*{0})*)\s*\))?".format(LIMIT.pattern))
BETWEEN = re.compile(r",(?![^()]*\))")  # and not between two limits
# https://remotes.r-lib.org/articles/dependencies.html and pak's: [NAME=][TYPE::]WHERE
# A repository's page, and not one of a branch or a file of it.
FORGE = re.compile(
    r"^https?://(?:www\.)?(?:(?:github\.com|bitbucket\.org)/(?=[\w.-]+/[\w.-]+/?(?:[@#]|$))|gitlab\.com/(?!.*/(?:-|tree)/))|/$"
)
REMOTE = re.compile(r"(?:(?P<name>[A-Za-z][\w.]*)=)?(?:(?P<kind>[a-z0-9]+)::)?(?P<where>\S+)")
HOSTED = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:/(?P<inside>[\w./-]+))?(?:@(?P<ref>\S+)|#(?P<pull>\d+))?")
GROUPED = re.compile(
    r"(?P<owner>[\w.-]+(?:/[\w.-]+)*?)/(?P<name>[\w.-]+)(?:/-/(?P<inside>[\w./-]+))?(?:@(?P<ref>\S+)|#(?P<pull>\d+))?"
)


def packrat(reading: Reading, text: str) -> None:
    """Read what packrat.lock says."""
    paragraphs = [one for one in re.split(r"\n[ \t\r]*\n", text) if one.strip()]
    for number, one in enumerate(paragraphs):
        fields = description(one)
        for line in one.splitlines():
            if line[:1] not in " \t" and ":" not in line:
                reading.bad("r", line.strip(), "no field: expected NAME: VALUE")
        if "Package" in fields:
            renv.add(reading, fields["Package"], dict(fields), "", _repositories(paragraphs))
        elif "PackratFormat" in fields or "RVersion" in fields:
            reading.is_of("r", fields.get("RVersion", ""))
        else:
            reading.bad("r", f"paragraph {number + 1}", "it names no package")


def _repositories(paragraphs: List[str]) -> Dict[str, str]:
    found = description(paragraphs[0]).get("Repos", "") if paragraphs else ""
    return {name.strip(): url.strip() for name, _, url in (one.partition("=") for one in found.split(","))}


def remote(reading: Reading, text: str) -> str:
    """Read a remote; return the name of its package, or what is nearest to one."""
    found = REMOTE.fullmatch(text)
    kind, where, name = (
        (found.group("kind") or "", found.group("where"), found.group("name") or "") if found else ("", "", "")
    )
    try:
        if kind in ("cran", "any", "standard", "bioc"):
            name = re.sub(r"@.*", "", where.rpartition("/")[2])
            reading.r(name, "", {"type": "bioconductor"} if kind == "bioc" else None)
        elif kind in ("git", "url") or (not kind and "://" in where):
            link = links.read("git+" + where if kind == "git" else where)
            name = name or link.name or re.sub(r"_.*", "", where.rpartition("/")[2])
            source = {one: value for one, value in link.source.items() if one != "vcs"}
            reading.r(name, "", {**source, "type": "git"} if "vcs" in link.source else source)
        elif kind in ("", *renv.HOSTS):
            name = _hosted(reading, kind or "github", where, name)
        elif kind in ("local", "installed", "deps"):
            raise Unusable(links.ELSEWHERE)
        else:
            raise Unusable(
                "a remote that is not read: expected one of GitHub, GitLab, Bitbucket, git, url, bioc or cran"
            )
    except Unusable as error:
        name = name or re.split(r"[/\\]", where)[-1] or text
        reading.bad("r", text, str(error))
    return name


def _hosted(reading: Reading, kind: str, where: str, name: str) -> str:
    where = FORGE.sub("", where)
    found = (GROUPED if kind == "gitlab" else HOSTED).fullmatch(where)
    if not found:
        raise Unusable("a remote that is not read: expected OWNER/NAME")
    if not name and re.search("[-_]", found.group("name")):
        raise Unusable("no package of R has such a name: write PACKAGE=OWNER/NAME in Remotes of a DESCRIPTION")
    name = name or re.sub(r"\.git$", "", found.group("name"))
    ref = "refs/pull/{0}/head".format(found.group("pull")) if found.group("pull") else found.group("ref") or ""
    if ref == "*release":
        reading.say(f"{name}: what it has now is taken, and not its latest release")
        ref = ""
    source = {"type": kind, "owner": found.group("owner"), "repository": re.sub(r"\.git$", "", found.group("name"))}
    reading.r(name, "", {**source, **links.commit_or_ref(ref), **links.subdirectory(found.group("inside") or "")})
    return name


def _fields(reading: Reading, text: str) -> Dict[str, str]:
    """Return the fields; one that is there twice, as after a merge, has what both say."""
    fields: Dict[str, str] = {}
    # A line that is neither a field nor goes on with one costs itself: what is below it belongs to the field above.
    text = re.sub(r"^(?![\w@/.-]+\s*:(?!:))\S.*\n?", "", text, flags=re.MULTILINE)
    for part in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        for name, value in description(part).items():
            known = {one.lower(): one for one in (*NEEDS, "Remotes", "Suggests")}.get(name.lower(), name)
            meant = difflib.get_close_matches(known, (*NEEDS, "Remotes"), 1, 0.75)
            if meant and meant[0] != known:
                reading.bad("r", name, f"no field that is read: expected {meant[0]}")
            fields[known] = f"{fields[known]}, {value}" if known in fields else value
    return fields


def need(reading: Reading, name: str, said: str, remotes: Set[str]) -> None:
    """Read what is needed, and in which versions."""
    limits = [(operator, version) for operator, version in LIMIT.findall(said)]
    if name in remotes and limits:
        reading.say(f"{name}: what its remote has is taken, whether it is {said} or not")
    if name in (*renv.BASE, *remotes):
        return
    for operator, version in limits:
        if operator != "==" or name == "R":
            reading.limit(name, operator.replace("==", "="), version)
    if name != "R":
        reading.r(name, next((version for operator, version in limits if operator == "=="), ""))


def declared(reading: Reading, text: str) -> None:
    """Read what a DESCRIPTION needs; not what it only suggests."""
    fields = _fields(reading, text)
    remotes = {remote(reading, one.strip()) for one in fields.get("Remotes", "").split(",") if one.strip()}
    for field in NEEDS:
        for one in (part.strip() for part in BETWEEN.split(fields.get(field, ""))):
            found = NEED.fullmatch(one)
            if found:
                need(reading, found.group(1), found.group(2) or "", remotes)
            elif one:
                reading.bad("r", one, "no name of a package, with or without a version in ()")
    for line in text.splitlines():
        if re.match(r"[ \t]+({0}|Remotes):".format("|".join(NEEDS)), line):
            reading.bad("r", line.strip(), "a field begins with its name, without a blank before it")
        if line.strip() and line[0] not in " \t#" and not re.match(r"[\w@/.-]+\s*:(?!:)", line):
            reading.bad("r", line.strip(), "no field: expected NAME: VALUE")
    for url in re.findall(r"[^\s,]+", fields.get("Additional_repositories", "")):
        reading.say(f"the repository {url} is not asked for what CRAN has not")
    if reading.empty:
        reading.say("it needs no packages")
    if "Suggests" in fields:
        reading.say("Suggests is left out: what a DESCRIPTION needs is installed")
