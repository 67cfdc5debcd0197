"""Words of R's code: which texts a name or an expression stands for, as far as the code itself says it.

https://cran.r-project.org/doc/manuals/r-release/R-lang.html#Parser
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional

from melda.envs.formats.named_values import NamedValues

TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    |(?P<raw>[rR](?P<quote>["'])(?P<dash>-{0,5})\((?P<inner>.{0,500}?)\)(?P=dash)(?P=quote))
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<name>`[^`\n]+`|(?:[A-Za-z]|\.(?!\d))[\w.]*(?::::?(?:[A-Za-z.][\w.]*))?)
    |(?P<number>\d[\w.]*)
    |(?P<end>\n|;)
    |(?P<blank>[^\S\n]+)
    |(?P<sign><<?-|->>?|%[^%\s]*%|[=!<>]=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
SAME = ("unique", "as.character", "unlist", "sort", "rev", "na.omit", "as.list", "suppressWarnings")
APPLY = re.compile(r"(?:purrr::)?(?:[lsvm]apply|walk|map)")
DEEPEST, MOST = 8, 50_000


class Token(NamedTuple):
    """One word: its kind, what it says, and its line, from 1."""

    kind: str
    text: str
    line: int


class Call(NamedTuple):
    """A call: what is called, where, and its arguments by name or without one."""

    name: str
    line: int
    plain: List[List[Token]]
    named: Dict[str, List[Token]]


def tokens(code: str) -> List[Token]:
    """Return the words of code, without comments and blanks."""
    found, line = [], 1
    for one in TOKEN.finditer(code):
        kind, text = str(one.lastgroup), one.group()
        if one.group("raw"):
            kind, text = "text", one.group("inner")
        elif kind == "text":
            text = re.sub(r"\\(.)", lambda letter: {"n": "\n", "t": "\t"}.get(letter[1], letter[1]), text[1:-1])
        if kind not in ("comment", "blank"):
            found.append(Token(kind, text, line))
        line += one.group().count("\n")
    return found


def closing(words: List[Token]) -> Dict[int, int]:
    """Return where each bracket closes; one that is not there never does. By all at once: one by one takes the square."""
    found: Dict[int, int] = {}
    opened: List[int] = []
    for at, one in enumerate(words):
        if one.kind == "sign" and one.text in "([{":
            opened.append(at)
        elif one.kind == "sign" and one.text in ")]}" and opened:
            found[opened.pop()] = at
    return found


def _apart(words: List[Token]) -> List[List[Token]]:
    """Return what stands between commas."""
    found: List[List[Token]] = [[]]
    ends, at = closing(words), 0
    while at < len(words):
        one = words[at]
        if one == Token("sign", ",", one.line):
            found.append([])
        elif one.kind == "sign" and one.text in "([{":
            end = ends.get(at, len(words))
            found[-1] += words[at : end + 1]
            at = end
        elif one.kind != "end":
            found[-1].append(one)
        at += 1
    return [one for one in found if one]


def call(words: List[Token], at: int, ends: Dict[int, int]) -> Optional[Call]:
    """Return the call that begins at a word; None: none does, or it is not closed."""
    end = ends.get(at + 1, 0)
    if words[at].kind != "name" or at + 1 >= len(words) or words[at + 1].text != "(" or words[at + 1].kind != "sign":
        return None
    if not end:
        return None
    plain, named = [], {}
    for one in _apart(words[at + 2 : end]):
        if len(one) > 2 and one[0].kind in ("name", "text") and one[1].text == "=" and one[1].kind == "sign":
            named[one[0].text] = one[2:]
        else:
            plain.append(one)
    return Call(words[at].text.strip("`"), words[at].line, plain, named)


class Values(NamedValues):
    """What names stand for in one code.

    Args:
        words: of the code.
    """

    def __init__(self, words: List[Token]) -> None:
        self._given: Dict[str, List[List[Token]]] = {}  # by assignment
        self._each: Dict[str, List[List[Token]]] = {}  # by a loop or a call, one after the other
        self._parameters: Dict[str, str] = {}
        super().__init__()
        self.ends = closing(words)
        for at, one in enumerate(words):
            if one.kind == "name":
                self._name(words, at)
        for at, one in enumerate(words):
            if one.kind == "name":
                self._call(words, at)

    def _name(self, words: List[Token], at: int) -> None:
        name, follows = words[at].text, words[at + 1] if at + 1 < len(words) else None
        if name == "for" and [one.kind for one in words[at + 2 : at + 4]] == ["name", "name"]:
            end = self.ends.get(at + 1, at)
            self._each.setdefault(words[at + 2].text, []).append(words[at + 4 : end])
        elif follows and follows.kind == "sign" and follows.text in ("<-", "=", "<<-"):
            value = list(self._statement(words, at + 2))
            if [one.text for one in value[:2]] == ["function", "("] and value[2:3] and value[2].kind == "name":
                self._parameters[name] = value[2].text
            elif follows.text != "=" or at == 0 or words[at - 1].kind == "end" or words[at - 1].text in "{}":
                self._given.setdefault(name, []).append(value)

    @staticmethod
    def _statement(words: List[Token], at: int) -> Iterator[Token]:
        depth = 0
        for one in words[at : at + 2000]:
            if one.kind == "sign":
                depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(one.text, 0)
            if depth < 0 or (one.kind == "end" and not depth):
                return
            yield one

    def _call(self, words: List[Token], at: int) -> None:
        name = words[at].text
        parameter = self._parameters.get(name)
        if not parameter and not APPLY.fullmatch(name):
            return
        found = call(words, at, self.ends)
        if found and parameter and found.plain:
            self._each.setdefault(parameter, []).append(found.plain[0])
        elif found and len(found.plain) > 1:
            done = found.plain[1]
            called = self._parameters.get(done[0].text)
            if [one.text for one in done[:2]] == ["function", "("] and done[2].kind == "name":
                called = done[2].text
            if called:
                self._each.setdefault(called, []).append(found.plain[0])

    def of(self, words: List[Token], depth: int = 0) -> Optional[List[str]]:
        """Return the texts that an expression stands for; None: nobody knows that here."""
        words = [one for one in words if one.kind != "end"]
        if not words or depth > DEEPEST:
            return None
        first = words[0]
        if len(words) == 1:
            return [first.text] if first.kind == "text" else self.named(first.text, depth)
        ends = closing(words)
        if words[1].text == "[" and ends.get(1) == len(words) - 1 and first.kind == "name":
            inside = {one.text for one in words[2:]}
            return self.named(first.text, depth) if inside & {"%in%", "installed.packages", "require"} else None
        found = call(words, 0, ends)
        return self._called(found, depth) if found and ends.get(1) == len(words) - 1 else None

    def _called(self, found: Call, depth: int) -> Optional[List[str]]:
        if found.name in ("c", "list"):
            return self._all([*found.plain, *found.named.values()], depth)
        if found.name in ("setdiff", *SAME) and found.plain and (len(found.plain) == 1 or found.name == "setdiff"):
            return self.of(found.plain[0], depth + 1)
        return None

    def _found(self, name: str, depth: int) -> Optional[List[str]]:
        # What takes of itself what is not there yet says nothing new.
        given = [one for one in self._given.get(name, []) if [word.text for word in one[:2]] != [name, "["]]
        each = self._each.get(name, [])
        if len(given) + bool(each) != 1:
            return None
        return self._all(given or each, depth)

    def _all(self, given: List[List[Token]], depth: int) -> Optional[List[str]]:
        parts = [self.of(one, depth + 1) for one in given]
        return None if None in parts else [text for one in parts for text in one or ()][:MOST]
