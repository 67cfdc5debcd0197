"""Lines that install packages, as shells' histories and Dockerfiles have them."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Match, NamedTuple, Tuple

from melda.envs.formats import options, shell_words

COMMAND = re.compile(
    r"(?:(?:\([\w.-]+\)|[({]|(?-i:then|do|else|if|time|exec)(?=\s)|[A-Za-z]:[\\\w .-]*>|[%!$>#]|"
    r"(?-i:RUN|run)(?:\s+--\S+)*|sudo(?:\s+-\w+)*|[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"']*)(?=\s)|"
    r"(?:[\w.~/-]*/)?(?:python|py)[\d.]*\s+-m|\{sys\.executable\}\s+-m)\s*)*"
    r"(?:[\w.~/-]*/)?(?:(?P<tool>pip[\d.]*|uv\s+pip|uv|poetry|pdm|pipenv|pipx)"
    r"(?:\s+-\S+(?:\s+(?!(?:install|add)\s)[^\s-]\S*)?)*\s+(?:install|add)|(?P<conda>conda|mamba|micromamba)"
    r"(?:\s+-\S+(?:\s+(?!(?:install|create)\s)[^\s-]\S*)?)*\s+(?:install|create))"
    r"(?:\s+(?:python[\d.]*\s+-m\s+)?pip[\d.]*\s+install)*\s+(?P<rest>\S.*)",  # typed twice
    re.IGNORECASE,
)
# What a shell or IPython replaces by something else.
UNKNOWN = re.compile(r"[$`]|^[^\s;{]*\{[^\s}]*\}")
# A word that no package has, in a sentence that begins as a command: "pip install is the easiest way."
OF_SENTENCES = re.compile(
    r"(?:a|an|and|are|as|at|be|by|can|does|for|from|has|if|in|is|it|its|may|must|not|of|on|or|should|so|that|the|then|this|to|"
    r"when|will|with|works|you|your|der|die|ist|mit|und|avec|est|et|pour|con|para)[.,:]?|[a-z]{2,}\.|(?=[\x00-\x7f]*[^\W\x00-\x7f])[\w.,]+",
    re.IGNORECASE,
)


class Command(NamedTuple):
    """What one command installs.

    Attributes:
        conda: it is conda's, and its packages are written in conda's way.
        arguments: packages, and options with their values, as pip names them.
        unclear: options that are not known; the word after each may be a package or its value, which may be a password.
    """

    conda: bool
    arguments: List[str]
    unclear: List[str]


def _option(word: str, words: List[str], known: options.Options) -> Tuple[List[str], List[str]]:
    """Return what an option says to pip, and what is unclear after it; its value is taken from the words after it."""
    kind, name, value = options.read(word, known)
    if kind == options.VALUED and not value and "=" not in word and words:
        value = words.pop(0)
    if name in known.nested:
        return [f"{known.nested[name]} {value}"], []
    if kind == options.UNKNOWN and words and not words[0].startswith("-"):
        del words[0]
        return [name], [name if name.startswith("--") else name[:2]]
    if name in options.PIP.nested:  # another tool's, of another meaning
        return [], []
    # Of a value that is ignored nobody needs to know what a shell puts in it.
    said = known is options.PIP and value and ("://" in value or not UNKNOWN.search(value))
    return [f"{name} {value}" if said else name], []


def _arguments(conda: bool, words: List[str], known: options.Options) -> Command:
    found = Command(conda, [], [])
    while words:
        word = words.pop(0)
        if word.startswith("-") and word.strip("-"):
            arguments, unclear = _option(word, words, known)
            found.arguments.extend(arguments)
            found.unclear.extend(unclear)
        elif word.strip("-"):
            found.arguments.append(word)
    return found


def _one(found: Match[str], rest: str) -> Command:
    tool = " ".join((found.group("conda") or found.group("tool")).lower().split())
    known = options.TOOLS[re.sub(r"[\d.]+$", "", tool)]
    return _arguments(bool(found.group("conda")), shell_words.words(rest), known)


def is_sentence(found: Iterable[Command]) -> bool:
    """Is a line that begins as these commands one of prose? Then its words are asked of nobody."""
    given = ([word for word in one.arguments if not word.startswith("-")] for one in found)
    return any(len(words) > 1 and any(map(OF_SENTENCES.fullmatch, words)) for words in given)


def read(line: str) -> Iterator[Command]:
    """Yield what a line installs, command by command; nothing: it does not begin with such a command."""
    found = COMMAND.fullmatch(line)
    if not found:
        return
    first, *others = shell_words.parts(found.group("rest"))
    yield _one(found, first)
    for part in others:
        found = COMMAND.fullmatch(part.strip())
        if found:
            yield _one(found, found.group("rest"))
