"""Lines that install packages, as notebooks, shells' histories and Dockerfiles have them."""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, Iterator, List, Match, NamedTuple

Json = Dict[str, Any]
COMMAND = re.compile(
    r"(?:(?:\([\w.-]+\)|[A-Za-z]:[\\\w .-]*>|[%!$>#]|RUN(?:\s+--\S+)*|sudo(?:\s+-\w+)*|"
    r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"']*)(?=\s)|"
    r"(?:[\w.~/-]*/)?(?:python|py)[\d.]*\s+-m|\{sys\.executable\}\s+-m)\s*)*"
    r"(?:[\w.~/-]*/)?(?P<tool>pip[\d.]*|uv\s+pip|uv|poetry|pdm|pipenv|pipx|conda|mamba|micromamba)(?:\s+-\S+)*\s+(?P<verb>install|add)\s+(?P<rest>\S.*)",
    re.IGNORECASE,
)
SHOULD = re.compile(r"[%!](?!.*uninstall).*install", re.IGNORECASE)
BETWEEN = ("&&", "||", ";", "|", "&")
# Options with a value; all others have none.
WITH_VALUE = {
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--no-binary", "--only-binary",
    "--use-feature", "--progress-bar", "--platform", "--python-version", "--implementation", "--abi", "-t", "--target",
    "--prefix", "--root", "--cache-dir", "--index", "--default-index", "--proxy", "--cert", "--timeout", "--retries",
    "-r", "--requirement", "-c", "--constraint", "-e", "--editable",
}  # fmt: skip
CONDAS_WITH_VALUE = {"-c", "--channel", "-n", "--name", "-p", "--prefix", "--file", "--solver"}


class Command(NamedTuple):
    """What one command installs.

    Attributes:
        conda: it is conda's, and its packages are written in conda's way.
        arguments: packages, and options with their values.
    """

    conda: bool
    arguments: List[str]


def _split(text: str) -> List[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _arguments(words: List[str], with_value: set[str]) -> List[str]:
    found: List[str] = []
    while words:
        word = words.pop(0)
        if re.match(r"\d?>(?!=)", word):  # where its output goes
            del words[: 1 if word.endswith(">") else 0]
        elif word in with_value and words:
            found.append(f"{word} {words.pop(0)}")
        else:
            found.append(word)
    return found


def _parts(words: List[str]) -> List[List[str]]:
    """Return the words of each command of a line."""
    found: List[List[str]] = [[]]
    for word in words:
        if word not in BETWEEN and word.rstrip(";"):
            found[-1].append(word.rstrip(";"))
        if word in BETWEEN or word.endswith(";"):
            found.append([])
    return found


def _one(found: Match[str], words: List[str]) -> Command:
    conda = found.group("tool").lower().endswith(("conda", "mamba"))
    return Command(conda, _arguments(words, CONDAS_WITH_VALUE if conda else WITH_VALUE))


def read(line: str) -> Iterator[Command]:
    """Yield what a line installs, command by command; nothing: it does not begin with such a command."""
    found = COMMAND.fullmatch(line)
    if not found:
        return
    first, *others = _parts(_split(found.group("rest")))
    yield _one(found, first)
    for words in others:
        found = COMMAND.fullmatch(" ".join(shlex.quote(one) if re.search(r"[\s;'\"]", one) else one for one in words))
        if found:
            yield _one(found, _split(found.group("rest")))


def notebook(cells: List[Any]) -> str:
    """Return the lines of a notebook that install packages, or look as if they should."""
    lines: List[str] = []
    for one in cells:
        source = one.get("source", "") if isinstance(one, dict) and one.get("cell_type") == "code" else ""
        text = "".join(str(part) for part in source) if isinstance(source, list) else str(source)
        lines += [line.strip() for line in re.sub(r"\\\n", " ", text).split("\n")]
    return "".join(line + "\n" for line in lines if COMMAND.fullmatch(line) or SHOULD.match(line))
