"""What R's sessionInfo(), devtools', sessioninfo's session_info() and xfun's show, as people paste them, in any locale."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

from melda.envs import links
from melda.envs.formats.reading import Reading
from melda.envs.formats.renv import BASE
from melda.envs.formats.requirements import CONFLICT

Json = Dict[str, Any]
# What knitr, the console, mail and Markdown put before each line.
PREFIX = re.compile(r"^[ \t]*(?:(?:#[#>']?|>|\||\[\d+\] \"|//|%)(?:[ \t]+|$|(?=\[)))*", re.MULTILINE)
FIRST = re.compile(r"\bR version (\d+\.\d+\.\d+)\b")
DEVEL = re.compile(r"\bR (Under development|version .*alpha|version .*beta)", re.IGNORECASE)
PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9.]*_[0-9]+([.-][0-9]+)+")
NUMBERED = re.compile(r"^\[\d+\]\s.*?[A-Za-z][A-Za-z0-9.]*_\d+[.-]\d", re.MULTILINE)
SECTIONS = ("other attached packages:", "loaded via a namespace (and not attached):", "Package version:")
TABLE = re.compile(r"^\W{0,4}package\s+\*?\s*(ondiskversion|loadedversion|version)\b", re.MULTILINE)
ROW = re.compile(
    r"(?:[VPDRX!]\s+)*(?P<name>\S+)\s+(?:\*\s+)?(?P<version>\S+)\s+(?:(?P<loaded>\d[\d.-]*)\s+)?(?P<date>\d{4}-\d\d-\d\d|NA)\s*"
    r"(?:\[[^\]]*\]\s*)?(?P<source>.*)"
)
HOSTED = re.compile(
    r"(?P<kind>github|gitlab|bitbucket)\s*\((?P<owner>[^/@)]+(?:/[^/@)]+)*?)/(?P<name>[^/@)]+)(?:@(?P<ref>[^)]+))?\)",
    re.IGNORECASE,
)
VERSION = re.compile(r"[0-9]+([.-][0-9]+)+")


def _plain(text: str) -> List[str]:
    lines = PREFIX.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")).split("\n")
    return [
        line
        for line in lines
        if not line.strip().startswith(("```", "~~~", "<details", "</details", "<summary", "<pre", "</pre"))
    ]


def is_one(text: str) -> bool:
    """Is this what one of them shows?"""
    plain = "\n".join(_plain(text[:40000]))
    says = FIRST.search(plain) or DEVEL.search(plain)
    named = any(one in plain for one in (*SECTIONS, "Matrix products:", "attached base packages:", "R version "))
    return bool(TABLE.search(plain) or NUMBERED.search(plain) or SECTIONS[2] in plain or (says and named))


def _paragraphs(lines: List[str]) -> List[List[Tuple[int, str]]]:
    found: List[List[Tuple[int, str]]] = [[]]
    for number, line in enumerate(lines, 1):
        if line.strip():
            found[-1].append((number, line.strip()))
        else:
            found.append([])
    return [one for one in found if one]


def read(text: str, path: str) -> Reading:
    """Return the R packages that were attached or loaded. Where nothing says where they came from, CRAN is taken."""
    reading = Reading(path)
    lines = _plain(text)
    version, plain = FIRST.search("\n".join(lines)), "\n".join(lines)
    if version and not DEVEL.search(plain):
        reading.versions["r"] = version.group(1)
    elif DEVEL.search(plain):
        reading.say("the file is of a development version of R, which is none that can be compared")
    table = False
    for paragraph in _paragraphs(lines):
        for at, (number, line) in enumerate(paragraph):
            if CONFLICT.match(line):
                reading.bad(
                    "r", line.split(maxsplit=1)[0], f"line {number}: a merge conflict: both sides of it are read"
                )
                continue
            table = (table and not re.match(r"\[\d+\]\s+\S*/|[─-]{5,}", line)) or bool(TABLE.match(line))
            if table and not TABLE.match(line):
                _row(reading, line, number)
            elif not table:
                _words(reading, line, number, _is_list(paragraph), at)
    return reading


def _is_list(paragraph: List[Tuple[int, str]]) -> bool:
    text = " ".join(line for _, line in paragraph)
    return bool(PACKAGE.search(text)) or any(line in SECTIONS for _, line in paragraph)


def _words(reading: Reading, line: str, number: int, inside: bool, at: int) -> None:
    """Return a line of NAME_VERSION; a heading stands before them, and a console's words around them."""
    words = re.sub(r"^\[\d+\]\s*", "", line).split()
    numbered = line.startswith("[")
    packages = [word for word in words if PACKAGE.fullmatch(word.strip(",;"))]
    if not inside or line.endswith(":") or (not packages and not numbered and not any("_" in word for word in words)):
        return
    if len(packages) * 2 < len(words) and not numbered:
        for word in packages or words:
            reading.bad("r", word, f"line {number}: expected NAME_VERSION, and nothing else, in a line")
        return
    for word in words:
        name, _, version = word.strip(",;").rpartition("_")
        if word not in packages:
            reading.bad("r", word, f"line {number}: expected NAME_VERSION")
        elif name not in BASE:
            reading.r(name, version)


def _row(reading: Reading, line: str, number: int) -> None:
    found = ROW.fullmatch(line)
    if not found:
        # Below a table stand what its letters mean, and the libraries.
        if re.search(r"\d[.-]\d", line) or (len(line.split()) > 3 and not re.match(r"[A-Z!]\s+\W", line)):
            reading.bad("r", line.split(maxsplit=1)[0], f"line {number}: expected PACKAGE VERSION DATE SOURCE")
        return
    name, version, source = found.group("name"), found.group("version"), found.group("source").strip()
    if name in BASE:
        return
    if not VERSION.fullmatch(version):
        reading.bad("r", name, f"line {number}: invalid version {version[:50]!r}", version)
        return
    hosted = HOSTED.match(source)
    if hosted:
        where = {
            "type": hosted.group("kind").lower(),
            "owner": hosted.group("owner"),
            "repository": hosted.group("name"),
        }
        reading.r(name, version, {**where, **links.commit_or_ref(hosted.group("ref") or "")})
    elif source.lower().startswith("bioc"):
        reading.r(name, version, {"type": "bioconductor"})
    elif source.lower().startswith(("local", "load_all", "url", "git")):
        reading.bad(
            "r",
            name,
            f"it came from {source[:50]}: a file or folder of another host, or an address that is not said",
            version,
        )
    else:
        url = re.match(r"https?://[^\s()]*r-universe\.dev\S*", source)
        reading.r(name, version, {"type": "cran", "repository": links.secure(url.group(0)) if url else "CRAN"})
