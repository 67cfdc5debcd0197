"""Texts in which packages stand among other things: documents, and what was typed into a shell."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import List, Tuple

from melda.envs.formats import commands, shell_lines

ENDINGS = (".md", ".rst", ".Rmd", ".qmd", ".adoc", ".org")
FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
# What stands before a command: the number and the time that history shows, zsh's and fish's marks, a prompt.
BEFORE = re.compile(
    r"\d+\*?[ \t]+(?:\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?\]?[ \t]+)?|: \d+:\d+;|- cmd: |PS (?=[A-Z]:)|"
    r"(?:\([\w.-]+\) )?\[?[\w.-]+@[\w.-]+[: ][^\s$#%>]*\]?[$#%>] "
)
SEPARATOR = re.compile(r"&&|\|\||;")
MOST_SEPARATORS = 50
PINNED = re.compile(r"[\w.-]+(\[[\w,. -]*\])?\s*==")
# A line of a document that is no sentence, or a row of a table of versions.
LIMITED = re.compile(
    r"(?:[-*+]\s+)?['\"`]{0,2}[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?\s*(?:[<>!~=]=|[<>])\s*\d[^\s'\"`]*['\"`]{0,2},?|"
    r"(?:\|\s*)?[\w.-]+\s*\|\s*(?:version|\d[\w.]*)\s*\|?|[-:| ]*-\|-[-:| ]*",
    re.IGNORECASE,
)
MAGIC = re.compile(r"\s*(?:#\s*)?(?:MAGIC\s+)?(?=[%!])")
WORDS = re.compile(r"[\w./~-]+\s+(?![<>=!~;@\[(#])\S")
OF_SHELLS = "of what was typed into a shell only commands that install packages are read"
OF_DOCUMENTS = "of a document only commands that install packages are read, and lines as NAME==VERSION"


def is_document(path: str) -> bool:
    """Is this prose, by its name?"""
    return path.endswith(ENDINGS) or os.path.basename(path).upper().startswith("README")


def _command(line: str) -> str:
    """Return what of a line installs packages, from the first such command on; empty: nothing."""
    line = BEFORE.sub("", line.strip(), count=1) if BEFORE.match(line.strip()) else line.strip()
    if commands.COMMAND.fullmatch(line):
        return line
    for found in islice(SEPARATOR.finditer(line), MOST_SEPARATORS):
        before, rest = line[: found.start()], line[found.end() :].strip()
        quoted = before.count("'") % 2 or before.count('"') % 2 or line.startswith("#")
        if not quoted and commands.COMMAND.fullmatch(rest):
            return rest
    return ""


def _lines(text: str) -> List[str]:
    return [line for _, line in shell_lines.numbered(text)]


def _commands(text: str) -> List[str]:
    return [one for one in map(_command, _lines(text)) if one]


def _is_shell(text: str, path: str) -> bool:
    """Return whether a text holds commands, and beside them nothing that is surely a package."""
    lines = [one.strip() for one in _lines(text) if one.strip() and not one.strip().startswith("#")]
    if any(PINNED.match(one) for one in lines) and not shell_lines.DOCKERFILE.search(text):
        return False
    others = [one for one in lines if not _command(one)]
    if len(others) == len(lines):
        return False
    # Names without versions may be packages or programs: in a list most lines are the former.
    listed = "requirements" in os.path.basename(path).lower()
    odd = [one for one in others if WORDS.match(one) or BEFORE.match(one)]
    return not listed or len(odd) * 2 > len(lines)


def unread(text: str, path: str) -> List[Tuple[int, str]]:
    """Return commands of a text that install packages and are not read, with the numbers of their lines."""
    if path.endswith(".py"):
        return []
    return list(shell_lines.unread(text, is_document(path), _command))


def without_others(text: str, path: str) -> Tuple[str, str]:
    """Return the lines of a text that may name packages, and what is to be said of the others."""
    fences = FENCE.split(text)
    if len(fences) > 2 and len(fences) % 2:
        # Beside a command stand other commands, and no packages.
        shell = [at % 2 == 0 or any(_commands(one)) for at, one in enumerate(fences)]
        return "\n".join("\n".join(_commands(one)) if shell[at] else one for at, one in enumerate(fences)), ""
    if path.endswith(".py"):  # what a notebook became: jupytext, Databricks
        return "\n".join(_command(MAGIC.sub("", one)) for one in _lines(text) if MAGIC.match(one)), ""
    if is_document(path):
        lines = [_command(one) or (one if LIMITED.fullmatch(one.strip()) else "") for one in _lines(text)]
        return "\n".join(lines), OF_DOCUMENTS if any(lines) else ""
    if _is_shell(text, path):
        found = [_command(one) for one in _lines(text) if not one.strip().startswith("#")]
        return "\n".join(found), OF_SHELLS
    return text, ""
