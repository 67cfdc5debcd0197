"""A shell's line apart: its commands and their words, as https://www.gnu.org/software/bash/manual/bash.html has them.

What a shell would take for a redirection is a limit where a number follows the name: people mean it (pip install zebra>=1).
"""

from __future__ import annotations

import re
from typing import Iterator, List, Match, Tuple

TOKEN = re.compile(
    r"""
    (?P<quoted>'[^']*'|"(?:[^"\\]|\\.)*")
    |(?P<escaped>\\.)
    |(?P<plain>`[^`]*`
        |://(?:[^\s'"\\`<>();|&]|&(?=\w+=))+)   # the & of an address
    |(?P<open>(?:[$<>]|(?<=[\w.$\]]))\()        # a substitution, or a call
    |(?P<group>\()|(?P<close>\))
    |(?P<to>(?<!\S)(?:\d*>>?(?!=)[&|]?|\d*<(?![=\d])[<&]*)|&>>?|(?:>>?|<{1,3})(?![=\d(])[&|]?)
    |(?P<between>&&|\|\||\|&|[;|&])
    |(?P<blank>\s+)
    |(?P<comment>(?<!\S)\#)
    |(?P<more>[^\s'"\\`$:<>();|&#]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
SUBSTITUTION = re.compile(r"[$<>]\(.*|`[^`]*`", re.DOTALL)


def _tokens(line: str) -> Iterator[Tuple[str, Match[str]]]:
    """Yield tokens and their kinds; within $(...) all is text, and where nothing closes it, the rest of the line too."""
    depth = 0
    for one in TOKEN.finditer(line):
        kind = str(one.lastgroup)
        if depth or kind == "open":
            depth += {"open": 1, "group": 1, "close": -1}.get(kind, 0)
            kind = "text"
        yield kind, one


def parts(line: str) -> List[str]:
    """Return the commands of a line as they stand there, without a comment at its end."""
    found, start = [], 0
    for kind, one in _tokens(line):
        if kind == "between":
            found.append(line[start : one.start()])
            start = one.end()
        elif kind == "comment" and line[: one.start()].strip():
            return [*found, line[start : one.start()]]
    return [*found, line[start:]]


def _plain(kind: str, text: str) -> str:
    if kind == "escaped":
        return text[1:]
    if kind != "quoted":
        return text
    return text[1:-1] if text[0] == "'" else re.sub(r"\\([\"\\$`])", r"\1", text[1:-1])


def words(command: str) -> List[str]:
    """Return the words of a command up to a subshell's end, without where its output goes.

    What a shell replaces by another command's output is shown as $(...): nobody knows it here, and it may have a password.
    """
    found: List[List[str]] = []
    word: List[str] = []
    within = to_file = False
    for kind, one in _tokens(command):
        if kind in ("close", "between", "comment"):
            break
        if kind == "blank":
            within = False
        elif kind == "to":
            within, to_file = False, True
        else:
            if not within:
                word = []
                found += [] if to_file else [word]
                within, to_file = True, False
            word.append(_plain(kind, one.group()))
    return [SUBSTITUTION.sub("$(...)", "".join(one)) for one in found]
