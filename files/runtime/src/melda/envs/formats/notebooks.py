"""Notebooks, and programs that were one or install packages themselves: what their cells install.

https://nbformat.readthedocs.io/en/latest/format_description.html, https://jupytext.readthedocs.io/en/latest/formats-scripts.html
"""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Tuple

from melda.envs import Json
from melda.envs.formats import documents, ipython, project, r_calls, requirements, scripts, tables
from melda.envs.formats.ipython import OTHER, PYTHON, SHELL, Cell, R
from melda.envs.formats.reading import Reading

LANGUAGES = {
    "python": PYTHON,
    "ipython": PYTHON,
    "r": R,
    "ir": R,
    "bash": SHELL,
    "sh": SHELL,
    "shellscript": SHELL,
    "zsh": SHELL,
}
# Where a cell of a program begins: jupytext's and editors', nbconvert's, Databricks'.
MARK = re.compile(r"#\s*(?:%%(?:\s(?P<about>.*)|$)|In\[[\d ]*\]:|COMMAND -+|\+(?:\s(?P<light>.*)|$))")
LANGUAGE = re.compile(r"language\s*=\s*\"(\w+)\"")
COMMENTED = re.compile(r"(?P<indent>\s*)#\s?(?:MAGIC\s?)?")
MAGIC = re.compile(r"\s*#\s*(?:MAGIC\s+)?(?=[%!])")


def is_one(found: Any) -> bool:
    """Is this a notebook?"""
    return isinstance(found, dict) and (
        isinstance(found.get("cells"), list) or isinstance(found.get("worksheets"), list)
    )


def _cells(found: Json) -> Iterator[Json]:
    for sheet in [found, *tables.many(found.get("worksheets"))]:  # the latter of nbformat 3
        yield from (one for one in tables.many(tables.inside(sheet).get("cells")) if isinstance(one, dict))


def _language(about: Any) -> str:
    """Return the language of a notebook's kernel, by its metadata."""
    for part, key in (("kernelspec", "language"), ("language_info", "name"), ("kernelspec", "name")):
        name = str(tables.inside(about, part).get(key, "")).lower()
        if name:
            return LANGUAGES.get(
                re.sub(r"[\d.]+$", "", name), OTHER if key != "name" or part != "kernelspec" else PYTHON
            )
    return PYTHON


def _of_cell(one: Json, kernel: str) -> str:
    about = tables.inside(one, "metadata")
    own = about.get("kernel") or tables.inside(about, "vscode").get("languageId")
    return LANGUAGES.get(str(own).lower(), OTHER) if own and str(own).lower() != "sos" else kernel


def read(reading: Reading, found: Json) -> None:
    """Read what a notebook's cells install; nothing of what they printed is looked at."""
    kernel, cells, starts, line = _language(found.get("metadata")), [], [], 1
    for number, one in enumerate(_cells(found), 1):
        source = one.get("source", one.get("input", ""))
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if one.get("cell_type") == "code" and text.strip():
            cells.append(Cell(line, _of_cell(one, kernel), text))
            starts.append((line, number))
            line += len(text.splitlines()) + 1

    def place(at: int) -> str:
        start, number = next((one for one in reversed(starts) if one[0] <= at), (1, 1))
        return f"cell {number}, line {at - start + 1}: "

    _all(reading, cells, place)


def _all(reading: Reading, cells: List[Cell], place: requirements.Place) -> int:
    """Read what is run; return how many commands there were."""
    lines = requirements.Lines(reading, place=place)
    found, unread = ipython.commands_of(cells, documents.command)
    for number, line in found:
        lines.guarded(line, number)
    for number, command in unread:
        reading.bad("python", command, place(number) + r_calls.not_read(command))
    return lines.read + len(unread)


def program(reading: Reading, text: str) -> None:
    """Read what a program of Python's says that it needs, and what it installs by itself, or did when it was a notebook."""
    about = scripts.METADATA.search(text)
    if about:
        project.of_script(reading, re.sub(r"^# ?", "", about.group("content"), flags=re.MULTILINE))
    reading.understood = bool(about) + _all(reading, list(_parts(text)), "line {0}: ".format)


def _parts(text: str) -> Iterator[Cell]:
    """Yield the cells of a program; jupytext and Databricks make comments of what is not Python's."""
    lines = text.splitlines()
    marks = [(at, mark) for at, one in enumerate(lines) for mark in [MARK.fullmatch(one.rstrip())] if mark]
    ends: List[Tuple[int, str]] = [(at, mark.group("about") or mark.group("light") or "") for at, mark in marks]
    if not ends or ends[0][0]:
        ends.insert(0, (-1, ""))
    for at, (start, about) in enumerate(ends):
        body = lines[start + 1 : ends[at + 1][0] if at + 1 < len(ends) else len(lines)]
        named = LANGUAGE.search(about)
        if re.match(r"\s*\[(?:markdown|md|raw)\]", about):
            continue
        language = LANGUAGES.get(named.group(1).lower(), OTHER) if named else PYTHON
        first = next((one for one in body if one.strip()), "")
        whole = named or re.match(r"#\s*(?:MAGIC\s+)?%(?:%\w|(?:sh|bash|r|python|md|sql|scala|fs)\s*$)", first)
        yield Cell(start + 2, language, "\n".join(_uncommented(one, bool(whole)) for one in body))


def _uncommented(line: str, whole: bool) -> str:
    if whole:
        return COMMENTED.sub(lambda one: one.group("indent"), line, count=1)
    magic = MAGIC.match(line)
    return line[: len(line) - len(line.lstrip())] + line[magic.end() :] if magic else line
