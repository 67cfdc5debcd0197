"""R's packages in lists, and in tables of installed.packages(): as printed (matrix, data frame, tibble), Markdown or CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import Dict, Iterator, List, Tuple

from melda.envs.errors import Unusable
from melda.envs.formats import documents, logical_lines, matchspec, r_calls, rtext, scripts
from melda.envs.formats.reading import Reading
from melda.envs.formats.renv import BASE

# Columns that no table of Python's packages has.
OF_R = {"LibPath", "NeedsCompilation", "Built", "LinkingTo"}
BEFORE = re.compile(r"^\s*(?:#[#>']?(?:\s|$)|>\s)")  # knitr's, reprex's and a console's
CELL = re.compile(r'"[^"]*"|\S+')
RULER = re.compile(r"\s*-{3}[-\s]*")  # pip's
NO_ROW = re.compile(r"[\s|:\u2500-\u257f-]*|\s*(?:<\w+>\s*)+|#.*")
VERSION = re.compile(r"\d+([.-]\d+)+")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
# A list, one a line, which only its name tells from one of Python's: r-packages.txt, requirements_R.txt.
KINDS = r"(?:packages|pkgs|requirements|dependencies|deps|libraries|libs)"
LISTS = re.compile(
    rf"(?:.*[-_.])?(?:r|cran|bioc(?:onductor)?)[-_.]{KINDS}\.txt|{KINDS}[-_.](?:r|cran)\.txt", re.IGNORECASE
)
EXACT = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9.]*)\s*(?:={1,2}|,|\s)\s*(?P<version>\d+(?:[.-]\d+)+)")
CONDA = re.compile(r"(?:r|bioconductor)-(?!cran-)")  # no package of R's has a -
LONGEST = 1000  # characters of a heading
ROWS = 30  # that are looked at

Rows = Iterator[Tuple[str, List[str]]]


def _cells(line: str) -> List[str]:
    return [one.strip('"') for one in CELL.findall(line.replace("|", " "))]


def _is_heading(line: str) -> bool:
    """Return whether a line names both columns, and is not the call that shows them."""
    if len(line) > LONGEST or "Version" not in line or "(" in line:
        return False
    return {"Package", "Version"} <= set(re.findall(r"[\w.]+", line))


def _separator(heading: str) -> str:
    """Return what is between the columns of a file; empty: they were printed."""
    found = re.search(r"Package\"?([,;\t])|([,;\t])\"?Version", heading)
    return (found.group(1) or found.group(2)) if found else ""


def _rows(text: str) -> Rows:
    """Yield the rows below the heading, with the name that R puts before each; each begins with Package and Version."""
    lines = text.splitlines()
    at = next((at for at, line in enumerate(lines) if _is_heading(line)), None)
    if at is None or (at + 1 < len(lines) and RULER.fullmatch(lines[at + 1])):
        return
    heading = BEFORE.sub("", lines[at], count=1)
    separator = _separator(heading)
    if separator:
        table = csv.reader(io.StringIO("\n".join([heading, *lines[at + 1 :]])), delimiter=separator)
        columns = next(table)
        yield from _ordered(columns, table)
        return
    below = [BEFORE.sub("", line, count=1) for line in lines[at + 1 :] if "(" not in line]
    yield from _ordered(_cells(heading), (_cells(one) for one in below if not NO_ROW.fullmatch(one)))


def _ordered(columns: List[str], rows: Iterator[List[str]]) -> Rows:
    first = {name: at for at, name in reversed(list(enumerate(columns)))}
    if not {"Package", "Version"} <= first.keys():
        return
    for row in rows:
        more = len(row) - len(columns)  # the rows' names have no heading
        if more in (0, 1):
            cells = [row[first[name] + more] for name in ("Package", "Version")]
            yield (row[0] if more or not columns[0] else ""), [*cells, *(OF_R & first.keys())]
        elif row:
            yield "", row[:1]


def is_one(text: str) -> bool:
    """Is this one, and none of Python's packages?"""
    try:
        for _, (named, row) in zip(range(ROWS), _rows(text)):
            if len(row) > 1 and VERSION.fullmatch(row[1]) and (len(row) > 2 or named == row[0] or "-" in row[1]):
                return True
    except csv.Error:
        pass
    return False


def read(reading: Reading, text: str) -> None:
    """Read the packages; where they came from is not said, and CRAN is taken."""
    seen: Dict[str, str] = {}
    try:
        for _, (name, *rest) in _rows(text):
            if name == "base" and rest:
                reading.is_of("r", rest[0])
            elif not rest or not NAME.fullmatch(name) or not VERSION.fullmatch(rest[0]):
                reading.bad("r", name, "no row of a table of packages and their versions", rest[0] if rest else "")
            elif name in seen and seen[name] != rest[0]:
                reading.say(f"{name} {rest[0]} is left out: R finds {seen[name]}, which stands before it")
            elif name not in BASE:
                reading.r(name, seen.setdefault(name, rest[0]))
    except csv.Error as error:
        reading.bad("r", "table", f"no CSV: {error}")


def is_list(text: str, name: str) -> bool:
    """Is this one, by its name? What installs packages is none; in requirements NAME==VERSION is pip's."""
    if not LISTS.fullmatch(name) or r_calls.installs(text) or scripts.is_code(text):
        return False
    lines = text.splitlines()
    return not any(map(documents.command, lines)) and not (
        "requirements" in name.lower() and any(map(scripts.PINNED.match, lines))
    )


def read_list(reading: Reading, text: str) -> None:
    """Read the packages; each as pak names it, or with limits as a DESCRIPTION has them."""
    read(reading, text)  # here the name says whose table it is
    for number, line in logical_lines.numbered(text) if reading.empty else ():
        one = " ".join(line.split()).strip("\"',; ")  # patterns take the square of many blanks
        exact = EXACT.fullmatch(one)
        need = rtext.NEED.fullmatch(re.sub(r"\s*([<>!]=?.*)", r" (\1)", one) if "(" not in one else one)
        try:
            if exact:
                reading.r(exact.group("name"), exact.group("version"))
            elif need:
                rtext.need(reading, need.group(1), need.group(2) or "", set())
            elif CONDA.match(one):
                matchspec.read(reading, one)
            elif re.search(r"\s", one):
                raise Unusable("no package of R's: expected one a line")
            else:
                r_calls.any_of(reading, "pak", one)
        except Unusable as error:
            reading.bad("r", one, f"line {number}: {error}")
