"""Texts in which packages stand among other things: documents, and what was typed into a shell."""

from __future__ import annotations

import functools
import os
import re
from typing import Callable, Iterator, List, Pattern, Set, Tuple

from melda.envs.formats import bare_commands, fences, ipython, r_calls, scripts, shell_lines

PROGRAMS_OF_R = (".R", ".r")
# What a fence may be called that holds a list of packages; whatever else it is called, it is code.
LISTS, LISTS_OR_ELSE = ("requirements", "pip"), ("", "text", "txt", "plain", "plaintext", "console")
ENTRY = re.compile(
    r"(?![A-Z][A-Z0-9_]*=\d)[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?\s*(?:(?:[<>!~=]=|[<>])\s*\d|=\d[\w.]*=\w|=\d+\.\d+\.\d+\s*$|@\s*\S+://)|"
    r"(?:-e\s+)?(?:\w+\+\w+://|\w+://\S+(?:\.whl|\.zip|\.tar\.\w+|\.tgz|\.git)(?![\w/]))|-r\s"
)
# A number beside a name, which is a version or what was measured: a version where a heading, a number, or a name says so.
NUMBER = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?\s+\(?v?\d+\.\d")
VERSIONS = re.compile(  # within a line: \W and \s go on over empty ones, from each of them again
    r"^[^\w\n]*(?:package|library|module|name)s?[^\w\n]+(?:installed[^\w\n]+)?version\b|"
    r"^[^\w\n]*[A-Za-z0-9][\w.-]*[ \t|]+\(?v?\d+\.\d+\.\w|"
    r"^[^\w\n]*(?:python|numpy|scipy|pandas|(?:py)?torch|tensorflow|keras|matplotlib|scikit-learn|cuda)[ \t|]+\(?v?\d+\.\d",
    re.IGNORECASE | re.MULTILINE,
)
NO_ENTRY = re.compile(r"#|[-=\s|:+]*$|\|?\s*package\b", re.IGNORECASE)
# What stands before a command: the number and the time that history shows, zsh's and fish's marks, a prompt.
BEFORE = re.compile(
    r"\d+\*?[ \t]+(?:\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?\]?[ \t]+)?|: \d+:\d+;|- cmd: |PS (?=[A-Z]:)|"
    r"(?:\([\w.-]+\) )?\[?[\w.-]+@[\w.-]+[: ][^\s$#%>]*\]?[$#%>] "
)
# A line that is a requirement, one of a document that is no sentence, and a row of a table of versions. In prose limits are
# of what is no package of PyPI's, too: "- CUDA >= 11.1", and whoever took that name there would be asked.
REQUIREMENT = r"(?:[-*+]\s+)?['\"`]{0,2}[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?\s*%s\s*\d[^\s'\"`]*['\"`]{0,2},?"
LIMITED, EXACT = re.compile(REQUIREMENT % "(?:[<>!~=]=|[<>])"), re.compile(REQUIREMENT % "==")
ROW = re.compile(r"(?:\|\s*)?[\w.-]+\s*\|\s*(?:version|\d[\w.]*)\s*\|?|[-:| ]*-\|-[-:| ]*", re.IGNORECASE)
WORDS = re.compile(r"[\w./~-]+\s+(?![<>=!~;@\[(#])\S")
# Code within a line, and a line that is nothing else: https://spec.commonmark.org/0.31.2/#code-spans
SPAN = re.compile(r"(?<!`)(?P<mark>`{1,2})(?!`)(?P<code>[^`\n]+)(?P=mark)(?!`)")
ALONE = re.compile(r"(?:[-*+>]\s+|\d+[.)]\s+)*[*_]{0,3}" + SPAN.pattern + r"[*_]{0,3}[.:,;]?")
EACH = 20  # fences of one reader that are read each by itself
OF_SHELLS = "of what was typed into a shell only commands that install packages are read"
OF_R = "of a program of R's its calls that install packages are read"
OF_DOCUMENTS = "of a document commands that install packages are read, lines as NAME==VERSION, and fences of a format"


def is_script(text: str, path: str) -> bool:
    """Is this a script, and no document, which may have one in it?"""
    return not scripts.is_document(path) and scripts.is_one(text, os.path.basename(path))


def is_no_list(text: str, path: str) -> bool:
    """Is this something else than a list, by its name, or a program that would be read as one?"""
    if scripts.NO_LISTS.fullmatch(path):
        return True
    if (
        not scripts.is_code(text)
        or scripts.is_document(path)
        or scripts.is_program(text, path)
        or path.endswith(PROGRAMS_OF_R)
    ):
        return False
    return not (fences.read(text) or _is_shell(text, path))


def is_prose(text: str) -> bool:
    """Are most lines sentences, or code, and no packages?"""
    lines: List[str] = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    odd = [
        line
        for line in lines
        if (len(line.split()) > 2 and not re.search(r"[=<>~@]|^-|://", line))
        or line.startswith("<")
        or ("(" in line and "==" not in line)
    ]
    return len(odd) * 2 > len(lines)


@functools.lru_cache(maxsize=4096)  # each line of a document is looked at three or four times
def command(line: str, before: str = "") -> str:
    """Return what of a line installs packages; empty: nothing."""
    alone = ALONE.fullmatch(line.strip())
    line = (alone.group("code") if alone else line).strip()
    prompt = BEFORE.match(line)
    line = line[prompt.end() :] if prompt else line
    found = bare_commands.in_line(line) or (bare_commands.plain(line, before) if before else [])
    return " && ".join(found)


def _lines(text: str) -> List[str]:
    return [line for _, line in shell_lines.numbered(text)]


def _commands(text: str) -> List[str]:
    return [one for one in map(command, _lines(text)) if one]


def _is_shell(text: str, path: str) -> bool:
    """Return whether a text that is no script holds commands, and beside them nothing that is surely a package."""
    lines = [one.strip() for one in _lines(text) if one.strip() and not one.strip().startswith("#")]
    if any(scripts.PINNED.match(one) for one in lines):
        return False
    others = [one for one in lines if not command(one)]
    if len(others) == len(lines):
        return False
    # Names without versions may be packages or programs: in a list most lines are the former.
    listed = "requirements" in os.path.basename(path).lower()
    odd = [one for one in others if WORDS.match(one) or BEFORE.match(one)]
    return not listed or len(odd) * 2 > len(lines)


def _only(lines: List[str], kept: Set[int]) -> str:
    """Return some of the lines, each with its number."""
    found = (lines[at] if at in kept else "" for at in range(min(kept), max(kept) + 1))
    return "\n" * min(kept) + "\n".join(found) + "\n"


def apart(text: str, knows: Callable[[str], bool]) -> Tuple[List[str], str]:
    """Return each fence of a text that a reader knows, and all else; of very many the last ones are one."""
    lines = text.splitlines()
    theirs = [set(one) for _, one in fences.read(text) if one and knows("\n".join(lines[at] for at in one))]
    parts = [*theirs[:EACH], set().union(*theirs[EACH:])]
    others = set(range(len(lines))).difference(*theirs) if theirs else set()
    return [_only(lines, one) for one in parts if one], _only(lines, others) if others else "" if theirs else text


def _of_prose(text: str, *kinds: Pattern[str]) -> str:
    """Return the lines of a document that install packages, and those of these kinds."""
    lines = _lines(text)
    return "\n".join(
        command(one) or (one if any(kind.fullmatch(one.strip()) for kind in kinds) else "") for one in lines
    )


def _of_fence(name: str, text: str) -> str:
    """Return the lines of a fence that may name packages. Beside a command stand other commands, and no packages."""
    if name in ipython.FENCES:
        return "\n".join(one for one in _lines(text) if _is_limited(one))
    if _commands(text) or name not in (*LISTS, *LISTS_OR_ELSE):
        found = [command(one) or (one if _is_limited(one) else "") for one in _lines(text)]
        return "\n".join(found)
    lines = [one.strip() for one in text.splitlines() if one.strip() and not NO_ENTRY.match(one.strip())]
    numbers = (NUMBER.match, ROW.fullmatch) if VERSIONS.search(text) else ()
    entries = [one for one in lines if any(is_one(one) for is_one in (ENTRY.match, LIMITED.fullmatch, *numbers))]
    if name in LISTS or len(entries) * 2 >= len(lines):
        return text
    return "\n".join(one for one in text.splitlines() if one.strip() in entries)


def _is_limited(line: str) -> bool:
    """Is a line of code a requirement? With blanks it compares numbers."""
    return bool(LIMITED.fullmatch(line.strip())) and " " not in re.sub(r"^[-*+]\s+", "", line.strip())


def unread(text: str, path: str) -> List[Tuple[int, str]]:
    """Return commands of a text that install packages and are not read, with the numbers of their lines."""
    if scripts.is_program(text, path) or path.endswith(PROGRAMS_OF_R):
        return []
    _, of_code, theirs = ipython.of_document(text, command)
    if scripts.is_document(path):
        text = _without_code(text)
    others = shell_lines.unread(text, scripts.is_document(path), command)
    return sorted([*(one for one in others if one[0] not in theirs), *of_code])


def _without_code(text: str) -> str:
    """Return a document without what :func:`in_sentences` yields of it."""
    fenced = fences.lines(text)
    return "\n".join(
        line if at in fenced else SPAN.sub(lambda one: "" if command(one.group("code").strip()) else one.group(), line)
        for at, line in enumerate(text.splitlines(), 1)
    )


def in_sentences(text: str, path: str) -> Iterator[Tuple[int, str]]:
    """Yield a document's commands in sentences: who reads them knows whether they are meant, or only one of several ways."""
    fenced = fences.lines(text)
    for number, line in enumerate(text.splitlines(), 1) if scripts.is_document(path) else ():
        for span in SPAN.finditer(line) if number not in fenced and not command(line) else ():
            if command(span.group("code").strip()):
                yield number, span.group("code").strip()


def _of_shell(text: str) -> Tuple[str, str]:
    found = [(at, command(one)) for at, one in shell_lines.numbered(text) if not one.strip().startswith("#")]
    text = shell_lines.placed(found)
    return text, OF_SHELLS if text.strip() else ""


def without_others(text: str, path: str) -> Tuple[str, str]:
    """Return the lines of a text that may name packages, and what is to be said of the others."""
    if path.endswith(PROGRAMS_OF_R):
        return (r_calls.command([text]), OF_R) if r_calls.installs(text) else ("", "")
    if is_script(text, path):
        return _of_shell(text)
    fenced = fences.read(text)
    if fenced:
        lines = text.splitlines()
        within = {at for _, inside in fenced for at in inside}
        outside = "\n".join("" if at in within else line for at, line in enumerate(lines))
        found = [_of_fence(name, "\n".join(lines[at] for at in inside)) for name, inside in fenced]
        code = shell_lines.placed(ipython.of_document(text, command)[0])
        text = "\n".join([code or "", _of_prose(outside, EXACT), *found])
        return text, OF_DOCUMENTS if text.strip() else ""
    if scripts.is_document(path):
        text = _of_prose(text, EXACT, *([ROW] if VERSIONS.search(text) else []))
        return text, OF_DOCUMENTS if text.strip() else ""
    return _of_shell(text) if _is_shell(text, path) else (text, "")
