"""What a script's variables stand for, as far as the script itself says it: set once, an ARG or ENV, a loop over words.

A name that is set twice, or from what a command says, stands for nothing that is known here. Values of names that tell of
secrets are not put in.
"""

from __future__ import annotations

import bisect
import re
import shlex
from typing import Dict, Iterable, List, Match, Optional, Tuple

from melda.envs.formats import shell_words

Lines = List[Tuple[int, str]]
SECRET = re.compile(r"TOKEN|PASS|PWD|SECRET|KEY|AUTH|CRED|USER|LOGIN|PAT$", re.IGNORECASE)
SET = re.compile(
    r"(?P<name>[A-Za-z_]\w*)(?P<more>\+?)=(?P<value>\((?:[^()'\"]|'[^']*'|\"[^\"]*\")*\)|(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\])*)"
)
SETS = re.compile(
    r"\s*(?:(?:RUN|then|do|else|\{)\s+)*(?:(?:export|declare|typeset|local|readonly)\s+(?:-\w+\s+)*)?(?:[A-Za-z_]\w*\+?=.*)",
    re.DOTALL,
)
OPEN = re.compile(r"\s*[A-Za-z_]\w*\+?=\([^)]*$")
BUILD = re.compile(r"\s*(?:ARG|ENV)\s+(?P<rest>.*)", re.IGNORECASE)
OLD_ENV = re.compile(r"\s*ENV\s+(?P<name>[A-Za-z_]\w*)\s+(?P<value>[^=\s].*)", re.IGNORECASE)
READ = re.compile(r"(?:^|[\s;(])read\s+(?:-\w+\s+)*(?P<name>[A-Za-z_]\w*)")
LOOP = re.compile(r"(?:^|[\s;&|])for\s+(?P<name>[A-Za-z_]\w*)\s+in\s+(?P<words>[^;]*?)\s*(?:;\s*(?:do\b|$)|$)")
WHILE = re.compile(
    r"(?:cat\s+(?P<file>[\w./~-]+)\s*\|\s*)?\bwhile\s+(?:IFS=\S*\s+)?read\s+(?:-\w+\s+)*(?P<name>[A-Za-z_]\w*)"
)
DONE = re.compile(r"\bdone\s*<\s*\"?(?P<file>[\w./~-]+)")
CAT = re.compile(
    r"(?<!\S)\"?(?:\$\((?:\s*cat\s+|\s*<\s*)(?P<one>[\w./~-]+)\s*\)|`\s*cat\s+(?P<two>[\w./~-]+)\s*`)\"?(?![^\s;&|)])"
)
NAME = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?:\[[@*]\])?(?::?-(?P<otherwise>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))"
)
WORD = re.compile(r"(?:'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|\$\{[^{}]*\}|[^\s'\"\\;&|()<>]|['\"])+|[\s;&|()<>]+", re.DOTALL)
TOOL = re.compile(r"\b(?:conda|mamba|micromamba|pip)\b")
INSTALL = re.compile(r"\b(?:install|add|create)\b")
LONGEST, MOST, DEEPEST = 20_000, 500, 5
FILE = "\0"


class Values:
    """What the variables of a script stand for.

    Args:
        lines: of it, with their numbers.
    """

    def __init__(self, lines: Iterable[Tuple[int, str]]) -> None:
        self._given: Dict[str, List[str]] = {}  # as it was written
        self._loops: Dict[str, List[str]] = {}  # over what each goes
        self._begins: Dict[str, List[int]] = {}  # and where it begins
        self._known: Dict[Tuple[str, str], Optional[List[str]]] = {}  # each is found once: names of names take forever
        self.at = 0  # the line that is read: its loop is the last one before it
        waits: List[str] = []  # loops that read a file, which their end names
        array = ""
        for self.at, line in lines:
            array = f"{array} {line}" if array else line
            if not OPEN.match(array) or len(array) > LONGEST:
                self._line(array[:LONGEST], waits)
                array = ""

    def _line(self, line: str, waits: List[str]) -> None:
        old = OLD_ENV.fullmatch(line)
        build = BUILD.fullmatch(line)
        if old:
            self._set(old.group("name"), old.group("value"))
        elif build:
            for one in SET.finditer(build.group("rest")):
                self._set(one.group("name"), one.group("value"))
        elif "=" in line:
            for part in shell_words.parts(line):
                if SETS.fullmatch(part):
                    self._sets(part)
        loop = LOOP.search(line)
        if loop:
            found = CAT.sub(lambda one: FILE + (one.group("one") or one.group("two")), loop.group("words"))
            self._loop(loop.group("name"), found)
        while_read, done = WHILE.search(line), DONE.search(line)
        if while_read:
            file = while_read.group("file")
            self._loop(while_read.group("name"), FILE + file if file else "$(...)")
            waits += [] if file else [while_read.group("name")]
        else:
            self._read(line)
        if done and waits:
            self._loops[waits.pop()][-1] = FILE + done.group("file")

    def _loop(self, name: str, over: str) -> None:
        self._loops.setdefault(name, []).append(over)
        self._begins.setdefault(name, []).append(self.at)

    def _read(self, line: str) -> None:
        found = READ.search(line) if "read" in line else None
        if found:
            self._set(found.group("name"), "$(...)")

    def _sets(self, part: str) -> None:
        text = re.sub(
            r"^\s*(?:(?:RUN|then|do|else|\{)\s+)*(?:(?:export|declare|typeset|local|readonly)\s+(?:-\w+\s+)*)?",
            "",
            part,
        )
        at, found = 0, []
        while at < len(text):
            one = SET.match(text, at)
            if not one:
                return  # V=1 COMMAND: of this command alone
            found.append(one)
            at = one.end() + len(text[one.end() :]) - len(text[one.end() :].lstrip())
        for one in found:
            self._set(one.group("name"), "$(...)" if one.group("more") else one.group("value"))

    def _set(self, name: str, value: str) -> None:
        if not re.search(r"\$\{?" + name + r"\b", value) and value not in self._given.setdefault(name, []):
            self._given[name].append(value)

    def of(self, name: str, depth: int = 0) -> Optional[List[str]]:
        """Return the words that a name stands for; None: nobody knows that here."""
        given = self._given.get(name, [])
        loops = self._loops.get(name, [])
        loops = loops[: bisect.bisect_right(self._begins.get(name, []), self.at)][-1:]
        if SECRET.search(name) or depth > DEEPEST or len(given) + bool(loops) != 1:
            return None
        value = loops[-1] if loops else given[0]
        if (name, value) not in self._known:
            self._known[name, value] = None  # while it is looked for: it may stand for itself
            self._known[name, value] = self._found(value, depth)
        return self._known[name, value]

    def _found(self, value: str, depth: int) -> Optional[List[str]]:
        value = value[1:-1] if value.startswith("(") else value
        quoted = re.fullmatch(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", value)
        value = next((one for one in quoted.groups() if one is not None), "") if quoted else value
        whole = self.put_in(value, depth + 1)
        if "$" in whole or "`" in whole or "{" in whole or len(whole) > LONGEST:
            return None
        try:
            return shlex.split(whole)[:MOST]
        except ValueError:
            return None

    def put_in(self, line: str, depth: int = 0) -> str:
        """Return a line with what is known in the place of names."""
        return "".join(self._word(one.group(), depth) for one in WORD.finditer(line))

    def _word(self, word: str, depth: int) -> str:
        if "$" not in word or word.startswith("'"):
            return word
        whole = NAME.fullmatch(word.strip('"'))
        if whole:
            found = self._one(whole, depth)
            return word if found is None else " ".join(map(_quoted, found))
        words = [word]
        for name in list(NAME.finditer(word))[:DEEPEST]:
            found = self._one(name, depth)
            if found is not None and len(found) * len(words) <= MOST and not any(one.startswith(FILE) for one in found):
                found = found if " " not in word else [" ".join(found)]
                words = [one.replace(name.group(), value) for one in words for value in found] or [""]
        return " ".join(words)

    def _one(self, name: Match[str], depth: int) -> Optional[List[str]]:
        found = self.of(name.group("braced") or name.group("plain"), depth)
        if found is None and name.group("otherwise") and (name.group("braced") not in self._given):
            return [name.group("otherwise").strip("\"'")]
        return found


def _quoted(word: str) -> str:
    return word if word.startswith(FILE) else shlex.quote(word)


def known(lines: Lines) -> Lines:
    """Return lines with what is known in the place of variables, and of what cat shows."""
    if not any("$" in line or "`" in line for _, line in lines):
        return lines
    values, found = Values(lines), []
    for values.at, line in lines:
        wanted = ("$" in line or "`" in line) and len(line) < LONGEST and INSTALL.search(line)
        found.append((values.at, _known(values, line) if wanted else line))
    return found


def _known(values: Values, line: str) -> str:
    shown = CAT.sub(lambda one: FILE + (one.group("one") or one.group("two")), line)
    first, *others = values.put_in(shown).split(FILE)
    for one in others:
        tools = TOOL.findall(first)
        first += ("--file " if tools and tools[-1] != "pip" else "-r ") + one
    return first
