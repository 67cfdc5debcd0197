"""Words of R's code: which texts a name or an expression stands for, as far as the code itself says it.

https://cran.r-project.org/doc/manuals/r-release/R-lang.html#Parser
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from melda.envs.formats.named_values import NamedValues, Scope, Text

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
DEEPEST, MOST, PARAMETERS = 8, 50_000, 20
STATEMENT, BUDGET = 500, 2_000_000  # words
BEHIND = (",", ")", "]", "}")


class Token(NamedTuple):
    """One word: its kind, what it says, its line, from 1, and the how manieth it is."""

    kind: str
    text: str
    line: int
    at: int


class Call(NamedTuple):
    """A call: what is called, where, and its arguments by name or without one."""

    name: str
    line: int
    plain: List[List[Token]]
    named: Dict[str, List[Token]]


def tokens(code: str) -> List[Token]:
    """Return the words of code, without comments and blanks."""
    found: List[Token] = []
    line = 1
    for one in TOKEN.finditer(code):
        kind, text = str(one.lastgroup), one.group()
        if one.group("raw"):
            kind, text = "text", one.group("inner")
        elif kind == "text":
            text = re.sub(r"\\(.)", lambda letter: {"n": "\n", "t": "\t"}.get(letter[1], letter[1]), text[1:-1])
        if kind not in ("comment", "blank"):
            found.append(Token(kind, text, line, len(found)))
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
        if one.kind == "sign" and one.text == ",":
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
        super().__init__()
        self._words, self.ends, self._budget = words, closing(words), BUDGET
        self._functions: Dict[str, List[Tuple[Dict[str, List[Token]], int, int]]] = {}  # parameters, begin, end
        self._calls: Dict[str, List[Optional[Call]]] = {}  # None: it is handed to what nobody knows
        for at, one in enumerate(words):
            if one.kind == "name" or (one.text == "\\" and one.kind == "sign"):
                self._name(one.text, at)
        applied: Set[int] = set()
        for at, one in enumerate(words):
            if one.kind == "name":
                self._called_with(one.text, at, applied)
        for name, functions in self._functions.items():
            for parameters, begin, end in functions:
                given = _arguments(parameters, self._calls.get(name, []) if len(functions) == 1 else [])
                for one_name, values in given.items():
                    self._scopes.setdefault(one_name, []).append(Scope((begin, 0), (end, 0), values, False))

    def call(self, at: int) -> Optional[Call]:
        """Return the call that begins at a word; None: none does, it is not closed, or all take too long."""
        self._budget -= self.ends.get(at + 1, at) - at
        return call(self._words, at, self.ends) if self._budget > 0 else None

    def _text(self, at: int) -> str:
        return self._words[at].text if 0 <= at < len(self._words) and self._words[at].kind in ("sign", "name") else ""

    def _name(self, name: str, at: int) -> None:
        words, end = self._words, self.ends.get(at + 1)
        if name in ("function", "\\") and end:
            assigned = self._text(at - 1) in ("<-", "=", "<<-")
            parameters = {one[0].text: one[2:] for one in _apart(words[at + 2 : end])}
            called = words[at - 2].text if assigned and at > 1 else f"function {at}"
            self._functions.setdefault(called, []).append((parameters, end + 1, self._body(end + 1)))
        elif name == "for" and end and self._text(at + 3) == "in":
            self._loops.add(words[at + 2].text)
            scope = Scope((end + 1, 0), (self._body(end + 1), 0), [words[at + 4 : end]], False)
            self._scopes.setdefault(words[at + 2].text, []).append(scope)
        elif self._text(at - 1) in ("->", "->>") or (self._text(at + 1) in ("[", "$") and self._is_changed(at)):
            self._given.setdefault(name, []).append(((at, 0), None))
        elif self._text(at + 1) in ("<-", "=", "<<-") and self._text(at + 2) not in ("function", "\\"):
            begins = at == 0 or words[at - 1].kind == "end" or self._text(at - 1) in ("{", "}")
            # What takes of itself what is not there yet says nothing new.
            if (begins or self._text(at + 1) != "=") and (self._text(at + 2), self._text(at + 3)) != (name, "["):
                self._given.setdefault(name, []).append(((at, 0), at + 2))

    def _is_changed(self, at: int) -> bool:
        """Is a part of a name's value changed: x[2] <- "a", x$b <- "a"?"""
        behind = at + 3 if self._text(at + 1) == "$" else self.ends.get(at + 1, at) + 1
        return self._text(behind) in ("<-", "=", "<<-")

    def _body(self, at: int) -> int:
        """Return where a loop's or a function's body ends that begins here."""
        words, first = self._words, at
        while at < len(words) and at - first < STATEMENT:
            if words[at].kind == "end" or self._text(at) == "else":
                at += 1
            elif self._text(at) in ("if", "for", "while", "function"):
                at = self.ends.get(at + 1, at) + 1
            elif self._text(at) == "{" and self._text(self.ends.get(at, at) + 1) == "else":
                at = self.ends[at] + 1
            else:
                break
        if self._text(at) == "{":
            return self.ends.get(at, at)
        first = at
        while at < len(words) and at - first < STATEMENT and words[at].kind != "end" and self._text(at) not in BEHIND:
            at = self.ends.get(at, at) + 1
        return at - 1

    def _statement(self, at: int) -> List[Token]:
        first = at
        while at < len(self._words) and self._words[at].kind != "end" and self._text(at) not in BEHIND[1:]:
            at = self.ends.get(at, at) + 1
        self._budget -= at - first
        return self._words[first:at] if self._budget > 0 else []

    def _called_with(self, name: str, at: int, applied: Set[int]) -> None:
        """Take what a call gives a function."""
        if APPLY.fullmatch(name):
            found = self.call(at)
            if found and len(found.plain) > 1:
                done = found.plain[1][0]
                called = f"function {done.at}" if done.text in ("function", "\\") else done.text
                given = found._replace(plain=[found.plain[0], *found.plain[2:]])
                self._calls.setdefault(called, []).append(given)
                applied.add(done.at)
        elif name in self._functions and at not in applied and self._text(at + 2) not in ("function", "\\"):
            self._calls.setdefault(name, []).append(self.call(at))

    def _written(self, value: Any) -> str:
        return " ".join(one.text for one in (self._statement(value) if isinstance(value, int) else value))

    def of(self, value: Any, depth: int = 0) -> Optional[List[Text]]:
        """Return the texts that an expression stands for; None: nobody knows that here."""
        words = [one for one in (self._statement(value) if isinstance(value, int) else value) if one.kind != "end"]
        if not words or depth > DEEPEST:
            return None
        first = words[0]
        if len(words) == 1:
            return [first.text] if first.kind == "text" else self.named(first.text, (first.at, 0), depth)
        ends = closing(words)
        if words[1].text == "[" and ends.get(1) == len(words) - 1 and first.kind == "name":
            inside = {one.text for one in words[2:]}
            known = inside & {"%in%", "installed.packages", "require"}
            return self.named(first.text, (first.at, 0), depth) if known else None
        found = call(words, 0, ends)
        return self._called(found, depth) if found and ends.get(1) == len(words) - 1 else None

    def _called(self, found: Call, depth: int) -> Optional[List[Text]]:
        if found.name in ("c", "list"):
            parts = [self.of(one, depth + 1) for one in [*found.plain, *found.named.values()]]
            texts = [text for one in parts for text in one or ()]
            return None if None in parts or len(texts) > MOST else texts
        if found.name in ("setdiff", *SAME) and found.plain and (len(found.plain) == 1 or found.name == "setdiff"):
            return self.of(found.plain[0], depth + 1)
        return None


def _arguments(parameters: Dict[str, List[Token]], calls: List[Optional[Call]]) -> Dict[str, Optional[List[Any]]]:
    """Return what a function's parameters stand for; None: one of its calls does not say it."""
    found: Dict[str, List[Any]] = {name: [] for name in parameters}
    before = list(itertools.takewhile(lambda name: name != "...", parameters))
    for one in calls if len(parameters) < PARAMETERS else ():
        named = one.named if one else {}
        plain = dict(zip([name for name in before if name not in named], one.plain if one else []))
        for name, default in parameters.items():
            found[name].append(named.get(name) or plain.get(name) or (one and default) or None)
    return {name: values if values and all(values) and name != "..." else None for name, values in found.items()}
