"""A list of R's packages, one a line, which only its name tells from one of Python's: r-packages.txt, requirements_R.txt."""

from __future__ import annotations

import re

from melda.envs.errors import Unusable
from melda.envs.formats import documents, logical_lines, matchspec, r_calls, rtable, rtext, scripts
from melda.envs.formats.reading import Reading

KINDS = r"(?:packages|pkgs|requirements|dependencies|deps|libraries|libs)"
NAMES = re.compile(
    rf"(?:.*[-_.])?(?:r|cran|bioc(?:onductor)?)[-_.]{KINDS}\.txt|{KINDS}[-_.](?:r|cran)\.txt", re.IGNORECASE
)
EXACT = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9.]*)\s*(?:={1,2}|,|\s)\s*(?P<version>\d+(?:[.-]\d+)+)")

CONDA = re.compile(r"(?:r|bioconductor)-(?!cran-)")  # no package of R's has a -


def is_one(text: str, name: str) -> bool:
    """Is this one, by its name? What installs packages is none; in requirements NAME==VERSION is pip's."""
    if not NAMES.fullmatch(name) or r_calls.installs(text) or scripts.is_code(text):
        return False
    lines = text.splitlines()
    return not any(map(documents.command, lines)) and not (
        "requirements" in name.lower() and any(map(scripts.PINNED.match, lines))
    )


def read(reading: Reading, text: str) -> None:
    """Read the packages; each as pak names it, or with limits as a DESCRIPTION has them."""
    rtable.read(reading, text)  # here the name says whose table it is
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
