"""What a script's variables stand for, as far as the script itself says it: set once, an ARG or ENV, a loop over words.

A name that is set twice, or from what a command says, stands for nothing that is known here. Values of names that tell of
secrets are not put in. Where it is not sure what a shell would do, the name stays, and whoever reads the command tells it.
"""

from __future__ import annotations

import bisect
import re
import shlex
from functools import reduce
from itertools import product
from operator import mul
from typing import Dict, Iterable, List, Match, Optional, Set, Tuple

from melda.envs.formats import options, shell_words

Lines = List[Tuple[int, str]]
SECRET = re.compile(r"TOKEN|PASS|PWD|SECRET|KEY|AUTH|CRED|USER|LOGIN|PAT$", re.IGNORECASE)
SET = re.compile(
    r"(?P<name>[A-Za-z_]\w*)(?P<more>\+?)=(?P<value>\((?:[^()'\"]|'[^']*'|\"[^\"]*\")*\)|(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\])*)"
)
LEAD = re.compile(r"\s*(?:(?:RUN|then|do|else|\{)\s+)*(?:(?:export|declare|typeset|local|readonly)\s+(?:-\w+\s+)*)?")
SETS = re.compile(LEAD.pattern + r"(?:[A-Za-z_]\w*\+?=.*)", re.DOTALL)
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
TOOL = re.compile(r"\b(?:conda|mamba|micromamba|pip|uv|poetry|pdm|pipenv|pipx)\b")
INSTALL = re.compile(r"\b(?:install|add|create)\b")
ENDS = re.compile(r"[\s()]*(?:&&|\|\||\|&|;;?|[&|])[\s()]*")  # a command
ODD = re.compile(r"[\s<>|&;()#*?!]")  # what a shell takes for something else outside quotes
LONGEST, MUCH, DEEPEST = 20_000, 500_000, 5
FILE, NOBODY_KNOWS = "\0", "$(...)"


def of_files(text: str) -> str:
    """Return a text with the mark of a file's words in the place of each cat that shows them."""
    return CAT.sub(lambda one: FILE + (one.group("one") or one.group("two")), text)


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
        self._bound: Dict[str, str] = {}  # the word of each loop that a command is repeated for
        self._left = MUCH
        self.put: Set[str] = set()  # names in whose place something is put
        self.at = 0  # the line that is read: its loop is the last one before it
        waits: List[str] = []  # loops that read a file, which their end names
        array = ""
        for self.at, line in lines:
            array = f"{array} {line}" if array else line
            if len(array) > LONGEST:
                for name in re.findall(r"(?<!\w)([A-Za-z_]\w*)\+?=", array):
                    self._set(name, NOBODY_KNOWS)
                array = ""
            elif not OPEN.match(array):
                self._line(array, waits)
                array = ""
        # Such a name is a command: $PIP_INSTALL numpy.
        self.commands = {name for name, given in self._given.items() if any(map(INSTALL.search, given))}

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
            self._loop(loop.group("name"), of_files(loop.group("words")))
        while_read, done = WHILE.search(line), DONE.search(line)
        if while_read:
            file = while_read.group("file")
            self._loop(while_read.group("name"), FILE + file if file else NOBODY_KNOWS)
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
            self._set(found.group("name"), NOBODY_KNOWS)

    def _sets(self, part: str) -> None:
        text = LEAD.sub("", part, count=1)
        at, found = 0, []
        while at < len(text):
            one = SET.match(text, at)
            if not one:
                return  # V=1 COMMAND: of this command alone
            found.append(one)
            at = one.end() + len(text[one.end() :]) - len(text[one.end() :].lstrip())
        for one in found:
            self._set(one.group("name"), NOBODY_KNOWS if one.group("more") else one.group("value"))

    def _set(self, name: str, value: str) -> None:
        itself = re.search(r"\$\{?" + name + r"\b", value)
        if itself and re.fullmatch(r"\"?\$(?:\w+|\{\w+(?::?-[^{}]*)?\})\"?", value):  # X=${X:-y}
            return
        value = NOBODY_KNOWS if itself else value
        if value not in self._given.setdefault(name, []):
            self._given[name].append(value)

    def _over(self, name: str) -> str:
        """Return over what the loop goes in which the line stands; empty: none sets this name."""
        loops = self._loops.get(name, [])
        return "".join(loops[: bisect.bisect_right(self._begins.get(name, []), self.at)][-1:])

    def of(self, name: str, depth: int = 0) -> Optional[List[str]]:
        """Return the words that a name stands for; None: nobody knows that here."""
        if name in self._bound and not depth:
            return [self._bound[name]]
        given, loop = self._given.get(name, []), self._over(name)
        # What a name stands for is found once, and a loop's is another word each time.
        if SECRET.search(name) or depth > DEEPEST or len(given) + bool(loop) != 1 or (loop and depth):
            return None
        value = loop or given[0]
        if (name, value) not in self._known:
            self._known[name, value] = None  # while it is looked for: it may stand for itself
            self._known[name, value] = self._found(value, depth)
        return self._known[name, value]

    def _found(self, value: str, depth: int) -> Optional[List[str]]:
        value = value[1:-1] if value.startswith("(") else value
        quoted = re.fullmatch(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", value)
        value = next((one for one in quoted.groups() if one is not None), "") if quoted else value
        whole = self._words(WORD.findall(value), depth + 1, True)
        if "$" in whole or "`" in whole or "{" in whole or len(whole) > LONGEST:
            return None
        try:
            return shlex.split(whole)
        except ValueError:
            return None

    def put_in(self, line: str) -> str:
        """Return a line with what is known in the place of names; a command in a loop is there once for each word of it."""
        words = WORD.findall(line)
        found, start = [], 0
        for at, word in enumerate([*words, ";"]):
            comment = word.startswith("#") and words[at - 1][-1:].isspace()
            if comment or at == len(words) or ENDS.fullmatch(word):
                found += [self._command(words[start:at]), *words[at : at + 1]]
                start = at + 1
            if comment:
                break
        return "".join([*found, *words[start:]])

    def _command(self, words: List[str]) -> str:
        text = "".join(words)
        names = {one.group("braced") or one.group("plain") for one in NAME.finditer(text)}
        loops = {name: of for name in sorted(names) if self._over(name) for of in [self.of(name)] if of}
        if not loops:
            return self._words(words)
        count = reduce(mul, map(len, loops.values()))
        if count * len(text) > MUCH or not INSTALL.search(text) or re.search(r"[$<]\(|`", text):
            return text
        found: Dict[str, None] = {}
        for one in product(*loops.values()):
            self._bound = dict(zip(loops, one))
            found[self._words(words)] = None
        self._bound = {}
        return " && ".join(found)

    def _words(self, words: List[str], depth: int = 0, installs: bool = False) -> str:
        """Return a command with what is known in it.

        Several words stand only where packages stand. In an option's value there is one, and only in a file's name: others
        are ignored, and shown.
        """
        found: List[str] = []
        tools: List[str] = []
        waits = mark = ""  # the option whose value is next, and what stands before a word
        for word in words:
            if not word.strip(" \t\r\n;&|()<>"):
                mark = word
                found.append(word)
                if ENDS.fullmatch(word):
                    installs, waits, tools = False, "", []
                continue
            known = options.TOOLS["uv pip" if tools[-2:] == ["uv", "pip"] else "".join(tools[-1:]) or "pip"]
            several, single = not re.search("[<>]", mark), True
            if installs and waits:
                several, single, waits = False, waits in known.nested, ""
            elif installs and word.startswith("-"):
                kind, name, value = options.read(word, known)
                several, single = False, name in known.nested
                waits = name if kind != options.ALONE and not value and "=" not in word else ""
            shown = self._word(word, depth, several) if single else word
            found.append(shown if several or FILE not in shown else NOBODY_KNOWS)
            tools += [] if installs else TOOL.findall(shown)
            installs = installs or bool(INSTALL.search(shown))
        return "".join(found)

    def _word(self, word: str, depth: int, several: bool) -> str:
        if "$" not in word or word.startswith("'"):
            return word
        quoted = len(word) > 1 and word[0] == word[-1] == '"'
        whole = NAME.fullmatch(word.strip('"'))
        if whole:
            return self._whole(word, whole, depth, several)
        if quoted and " " in word and TOOL.search(word) and INSTALL.search(word):  # what another shell runs
            return '"' + self._words(WORD.findall(word[1:-1]), depth) + '"'
        values = [(one, self._one(one, depth)) for one in NAME.finditer(word)]
        odd = any(known and ODD.search(known[0]) for _, known in values)
        found, at = "", 0
        for one, known in values:
            value = "".join(known) if known is not None and len(known) < 2 else one.group()
            kept = re.search(r"[\"'\\$`\0]", value)
            found += word[at : one.start()] + (one.group() if kept else value)
            at = one.end()
        found += word[at:]
        if odd and not quoted:
            found = word if re.search(r"[\"'\\$`]", found) else shlex.quote(found)
        return found if self._spends(len(found)) else word

    def _whole(self, word: str, name: Match[str], depth: int, several: bool) -> str:
        known = self._one(name, depth)
        if known is None or (len(known) != 1 and not several) or not self._spends(sum(map(len, known))):
            return word
        self.put |= {name.group("braced") or name.group("plain")}
        return " ".join(map(_quoted, known))

    def _spends(self, size: int) -> bool:
        """Return whether so much may still be put in: a long list on many lines is more than anybody reads."""
        enough = size <= self._left
        self._left -= size if enough else 0
        return enough

    def _one(self, name: Match[str], depth: int) -> Optional[List[str]]:
        found = self.of(name.group("braced") or name.group("plain"), depth)
        set_here = name.group("braced") in self._given or name.group("braced") in self._loops
        if found is None and name.group("otherwise") and not set_here:
            return [name.group("otherwise").strip("\"'")]
        return found


def _quoted(word: str) -> str:
    return word if word.startswith(FILE) else shlex.quote(word)
