"""What R's sessionInfo(), devtools', sessioninfo's session_info() and xfun's show, as people paste them, in any locale."""

from __future__ import annotations

import html
import re
from typing import List, Tuple

from melda.envs import Json, links
from melda.envs.formats.logical_lines import CONFLICT
from melda.envs.formats.reading import Reading
from melda.envs.formats.renv import BASE, NOWHERE

# What knitr, the console, mail and Markdown put before each line.
PREFIX = re.compile(r"^[ \t]*(?:(?:#[#>']?|>+|\||\[\d+\] \"|//|%)(?:[ \t]+|$|(?=\[)))*", re.MULTILINE)
FIRST = re.compile(r"\bR version (\d+\.\d+\.\d+)\b")
DEVEL = re.compile(r"\bR (Under development|version .*alpha|version .*beta)", re.IGNORECASE)
PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9.]*_[0-9]+([.-][0-9]+)+")
DASHED = re.compile(r"[A-Za-z][A-Za-z0-9.]*-\d+[.-]\d")
NUMBERED = re.compile(r"^\[\d+\]\s.*?[A-Za-z][A-Za-z0-9.]*_\d+[.-]\d", re.MULTILINE)
INDEX = re.compile(r"^\[[^\]\s]*\]?\s*")  # R's, before each line of a vector
LOCALE = re.compile(r"(C|POSIX|[a-z]{2,3}_[A-Z]{2})([.@][\w.@-]+)?(/\S*)?")
HEADING = (":", "\uff1a")
SECTIONS = ("other attached packages:", "loaded via a namespace (and not attached):", "Package version:")
# Other tables name packages and versions too: R's marks what is attached, or says when and from where it came.
TABLE = re.compile(
    r"^\W{0,8}package\s+(?:\*\s*version|(?:\*\s*)?(?:ondisk|loaded)version|version\b(?=.*\b(?:date|source)\b))\b",
    re.MULTILINE,
)
# What platforms and other software have: settings, and no packages.
SETTINGS = re.compile(r"^[#> \t]*setting[ \t]+value[ \t]*\n[#> \t]*(?:version[ \t]+R|cairo|os|png)[ \t]", re.MULTILINE)
PACKAGES = re.compile(r"(?:[─-]+\s*)Packages\b|Packages\s*[─-]{3,}")
ROW = re.compile(
    r"(?:[VPDRX!]{1,3}\s+)*(?:\*\s+)?(?P<name>\S+)\s+(?:\*\s+)?(?P<version>\S+)\s+(?:(?P<loaded>\d[\d.-]*)\s+)?(?P<date>\d{4}-\d\d-\d\d|<?NA>?)\s*"
    r"(?:\[[^\]]*\]\s*)?(?P<source>.*)"
)
HOSTED = re.compile(
    r"(?P<kind>github|gitlab|bitbucket)\s*\((?P<owner>[^/@)]+(?:/[^/@)]+)*?)/(?P<name>[^/@)]+)(?:@(?P<ref>[^)]+))?\)",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    r"(?:(?P<git>git2r|xgit|git)|url)\s*\((?P<url>(?:https?|ssh)://(?:[^/@\s)]*@)?[^)@\s]+|[^)@\s]+@[^)@\s]+:[^)@\s]+)(?:@(?P<ref>[^)]*))?\)",
    re.IGNORECASE,
)
WRAPPED = re.compile(
    r"(lib\s+|date( \(UTC\))?\s+(lib\s+)?)?source$|date( \(UTC\))?(\s+lib)?$|lib$"
)  # what a narrow terminal put below
VERSION = re.compile(r"[0-9]+([.-][0-9]+)+")


def _plain(text: str) -> List[str]:
    text = html.unescape(text.replace("\r\n", "\n").replace("\r", "\n")).replace("\u00a0", " ")
    lines = PREFIX.sub("", re.sub(r"\\([\[\]_*])", r"\1", text)).split("\n")
    return [
        line.replace("|", " ") if line.count("|") > 1 else line  # a table of Markdown
        for line in lines
        if not line.strip().startswith(("```", "~~~", "<details", "</details", "<summary", "<pre", "</pre"))
        and not ("-" in line and not line.strip(" \t:|-"))
    ]


def is_one(text: str) -> bool:
    """Is this what one of them shows?"""
    plain = "\n".join(_plain(text[:40000]))
    says = FIRST.search(plain) or DEVEL.search(plain)
    named = any(one in plain for one in (*SECTIONS, "Matrix products:", "attached base packages:", "R version "))
    marked = any(one.search(plain) for one in (TABLE, SETTINGS, NUMBERED))
    return bool(marked or SECTIONS[2] in plain or (says and named))


def _paragraphs(lines: List[str]) -> List[List[Tuple[int, str]]]:
    """Return what stands together: mail drops the empty lines, so that a heading too begins a paragraph."""
    found: List[List[Tuple[int, str]]] = [[]]
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.rstrip().endswith(HEADING):
            found.append([])
        if line.strip():
            found[-1].append((number, line.strip()))
    return [one for one in found if one]


def read(reading: Reading, text: str) -> None:
    """Read the R packages that were attached or loaded. Where nothing says where they came from, CRAN is taken."""
    lines = _plain(text)
    version, plain = FIRST.search("\n".join(lines)), "\n".join(lines)
    if version and not DEVEL.search(plain):
        reading.is_of("r", version.group(1))
    elif DEVEL.search(plain):
        reading.say("the file is of a development version of R, which is none that can be compared")
    rows: List[Tuple[int, str]] = []
    below = -1  # which row the next line goes on with
    table = False
    for paragraph in _paragraphs(lines):
        listed = _is_list(paragraph)
        for at, (number, line) in enumerate(paragraph):
            if CONFLICT.match(line):
                reading.bad(
                    "r", line.split(maxsplit=1)[0], f"line {number}: a merge conflict: both sides of it are read"
                )
                continue
            begins = bool(TABLE.match(line) or PACKAGES.match(line))
            table = (table and not re.match(r"\[\d+\]\s+\S*[/\\]|[─-]{5,}", line)) or begins
            if begins:
                below = -1
            elif not table:
                _words(reading, line, number, listed, at)
            elif WRAPPED.match(line):
                below = 0
            elif 0 <= below < len(rows):
                rows[below] = (rows[below][0], rows[below][1] + " " + line)
                below += 1
            else:
                rows.append((number, line))
    for number, line in rows:
        _row(reading, line, number)


def _is_list(paragraph: List[Tuple[int, str]]) -> bool:
    """Are these packages with versions? The heading is in any language, and a line of it may be broken."""
    text = " ".join(line for _, line in paragraph)
    return bool(PACKAGE.search(text)) or any(
        line in SECTIONS or (line.startswith("[") and _is_other(line)) for _, line in paragraph
    )


def _is_other(line: str) -> bool:
    """Is a numbered line neither of R's own packages nor of the locale?"""
    words = INDEX.sub("", line).split()
    return not re.search(r"LC_|[/\\]", line) and any(word not in BASE and not LOCALE.fullmatch(word) for word in words)


def _words(reading: Reading, line: str, number: int, inside: bool, at: int) -> None:
    """Return a line of NAME_VERSION; a heading stands before them, and a console's words around them."""
    words = [word.strip(";") for word in re.split(r"[\s,]+", INDEX.sub("", line)) if word.strip(";")]
    numbered = line.startswith("[")
    packages = [word for word in words if PACKAGE.fullmatch(word)]
    if (
        not inside
        or line.endswith(HEADING)
        or (not packages and not numbered and not any("_" in word or DASHED.match(word) for word in words))
    ):
        return
    if len(packages) * 2 < len(words) and not numbered:
        for word in packages or words:
            reading.bad("r", word, f"line {number}: expected NAME_VERSION, and nothing else, in a line")
        return
    for word in words:
        name, _, version = word.rpartition("_")
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
        reading.bad("r", name, f"line {number}: invalid version {version!r}", version)
        return
    hosted, address = HOSTED.match(source), ADDRESS.match(source)
    if hosted:
        kind, owner, repository = hosted.group("kind").lower(), hosted.group("owner"), hosted.group("name")
        inside: Json = {}
        if kind == "github" and "/" in owner:
            parts = [*owner.split("/"), repository]
            owner, repository, inside = parts[0], parts[1], links.subdirectory("/".join(parts[2:]))
        where = {"type": kind, "owner": owner, "repository": repository, **inside}
        reading.r(name, version, {**where, **links.commit_or_ref(hosted.group("ref") or "")})
    elif address and address.group("git"):
        where = {"type": "git", "url": links.plain(address.group("url"))}
        reading.r(name, version, {**where, **links.commit_or_ref(address.group("ref") or "")})
    elif address:
        reading.r(name, version, {"type": "url", "url": links.secure(address.group("url"))})
    elif source.lower().startswith("bioc"):
        reading.r(name, version, {"type": "bioconductor"})
    elif source.lower().startswith(("local", "load_all", "url", "git", "xgit", "svn", "installed")):
        reading.bad("r", name, NOWHERE.format(source), version)
    else:
        url = re.match(r"https?://[^\s()]*r-universe\.dev\S*", source)
        reading.r(name, version, {"type": "cran", "repository": links.secure(url.group(0)) if url else "CRAN"})
