"""Lines of shells and Dockerfiles: continued ones joined, and those that install packages in a way that is not read."""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from melda.envs.formats import fences, here_documents, scripts, shell_values, shell_words

COMMENT = re.compile(r"\s*#")
CONTINUED = re.compile(r"\\[ \t]*$")
EXEC = re.compile(r"\s*RUN((?:\s+--\S+)*)\s*(\[.*\])\s*")
TOOL = re.compile(
    r"(?<![\w./~-])(?:[\w.~/-]*/)?(?:pip[\d.]*|uv|poetry|pdm|pipenv|pipx|pixi|rye|conda|mamba|micromamba|"
    r"\$[({]?\w*(?:pip|conda|mamba)\w*[)}]?)"
    r"(?:\s+-\S+)*(?:(?:\s+(?:pip|tool|env))?\s+(?:install|add|create)|\s+pip\s+sync|\s+env\s+update)(?![\w.-])|"
    r"(?<![\w./~-])(?:Rscript|R)(?:\s+-\S+)*\s+(?:<\s*)?(?:[\w.$/{}~-]*/)?[\w.-]*(?:install|packages|dep|require|setup)[\w.-]*\.R(?![\w.])|"
    r"(?<![\w./~-])(?:R\s+CMD\s+INSTALL|(?:[\w./~-]*/)?python[\d.]*\s+setup\.py\s+(?:install|develop))(?!\S)|"
    r"(?<![\w./~-])(?:install2\.r|installGithub\.r|installBioc\.r|easy_install|pip-sync)(?!\S)|"
    r"\b(?:install\.packages|install_(?:github|gitlab|version|bioc|cran|url|git)|BiocManager::install|pak::pkg_install|pak::pak|renv::(?:install|restore)|(?:pacman::)?p_(?:load|install)|py_install|virtualenv_install|conda_install)\(",
    re.IGNORECASE,
)
# What only speaks of it.
SAID = re.compile(r"^\s*(?:#|//|LABEL\b|CMD\b|ENTRYPOINT\b|HEALTHCHECK\b)|(?:^|\s)(?:echo|printf|alias|git\s+commit)\s")
SENT = re.compile(r"(?:^|\s)(?:xargs|parallel)\s")  # its words come from elsewhere
SETS = re.compile(r"\s*(?:(?:export|ARG|ENV)\s+)?[A-Za-z_]\w*\s*[:?+]{0,3}=")  # in a Makefile, too
MAKE = re.compile(r"^\t[@+-]+\s*")
MARKS = re.compile(r"[\s>*+`$%!-]*(?:\d+[.)]\s+)?`*")


@lru_cache(maxsize=4)
def numbered(text: str) -> List[Tuple[int, str]]:
    """Return lines with their numbers, continued ones joined, and in the place of variables what they surely stand for."""
    return _with_values(_apart(text)[0])


@lru_cache(maxsize=4)
def _apart(text: str) -> Tuple[shell_values.Lines, shell_values.Lines]:
    return here_documents.apart(list(_joined(text)))


def _with_values(lines: shell_values.Lines) -> shell_values.Lines:
    """Return lines with what is known in the place of variables, and of what cat shows."""
    if not any("$" in line or "`" in line for _, line in lines):
        return lines
    values, found = shell_values.Values(lines), []
    for values.at, line in lines:
        asks = ("$" in line or "`" in line) and len(line) < shell_values.LONGEST
        wanted = asks and (
            shell_values.INSTALL.search(line)
            or any(one.group("plain") in values.commands for one in shell_values.NAME.finditer(line))
        )
        found.append((values.at, _put_in(values, line) if wanted else line))
    # A command's text is read where it is run.
    read = values.put & values.commands
    return [(at, "" if read and _sets_one_of(line, read) else line) for at, line in found]


def _sets_one_of(line: str, names: Set[str]) -> bool:
    one = shell_values.SET.search(line) if shell_values.SETS.fullmatch(line) else None
    return bool(one and one.group("name") in names and not line[one.end() :].strip())


def _put_in(values: shell_values.Values, line: str) -> str:
    first, *others = values.put_in(shell_values.of_files(line)).split(shell_values.FILE)
    for one in others:
        tools = shell_values.TOOL.findall(first)
        first += ("--file " if tools and tools[-1].endswith(("conda", "mamba")) else "-r ") + one
    return first


def placed(lines: List[Tuple[int, str]]) -> str:
    """Return a text in which each of the lines has its number."""
    by_number: Dict[int, str] = {}
    for at, line in lines:
        by_number[at] = f"{by_number[at]} && {line}" if by_number.get(at) else line
    return "\n".join(by_number.get(at, "") for at in range(1, max(by_number, default=0) + 1))


def _joined(text: str) -> Iterator[Tuple[int, str]]:
    """Yield lines with their numbers, continued ones joined.

    In a Dockerfile comments and empty lines between them are none: https://docs.docker.com/reference/dockerfile/#format.
    """
    docker = scripts.is_dockerfile(text)
    started, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if started and docker and (not line.strip() or line.lstrip().startswith("#")):
            continue
        started = started or number
        if (
            CONTINUED.search(line)
            and (docker or not _is_comment(joined + line))
            and (started < number or not COMMENT.match(line))
        ):
            joined += CONTINUED.sub(" ", line)
            continue
        yield started, _plain(joined + line)
        started, joined = 0, ""
    if started:
        yield started, _plain(joined)


def _is_comment(line: str) -> bool:
    """Return whether a line ends within a comment, which goes on in no shell."""
    return "#" in line and len(line) < shell_values.LONGEST and not line.endswith(shell_words.parts(line)[-1])


def _plain(line: str) -> str:
    """Return a line as a shell has it; a Dockerfile may have its words as a list of JSON, and a Makefile marks before it."""
    line = MAKE.sub("\t", line)
    found = EXEC.fullmatch(line)
    words: Optional[List[str]] = None
    try:
        words = json.loads(found.group(2)) if found else None
    except (ValueError, RecursionError):
        return line
    if not found or not words or not all(isinstance(one, str) for one in words):
        return line
    if len(words) == 3 and re.fullmatch(r"-l?e?c", words[1]):
        return f"RUN{found.group(1)} {words[2]}"
    return f"RUN{found.group(1)} " + " ".join(map(shlex.quote, words))


def unread(text: str, prose: bool, reads: Callable[[str, str], object]) -> Iterator[Tuple[int, str]]:
    """Yield what installs packages and is not read: the number of its line, and the command without what follows it.

    Args:
        text: as it was.
        prose: a sentence may speak of a command; outside its fences only lines that begin with one are meant.
        reads: returns what is read of a command, and of the one before it.
    """
    fenced = fences.lines(text)
    for number, line in numbered(text):
        if line.lstrip().startswith("#") or not TOOL.search(line):
            continue
        before = ""
        for part in shell_words.parts(line):
            found = TOOL.search(part)
            if found and _installs(part, prose and number not in fenced) and not reads(part, before):
                yield number, " ".join(found.group(0).split()).rstrip("(")
            before = part
    for number, line in _apart(text)[1]:
        found = TOOL.search(line)
        if found and not line.lstrip().startswith("#") and _installs(line, prose and number not in fenced):
            yield number, " ".join(found.group(0).split()).rstrip("(")


def _installs(part: str, prose: bool) -> bool:
    found, marks = TOOL.search(part), MARKS.match(part)
    # A program names its packages itself; xargs brings them.
    names_them = found and re.search(r"\.R$|setup\.py", found.group(0), re.IGNORECASE)
    alone = names_them or SENT.search(part) or SETS.match(part)
    empty = found and found.group().endswith("(") and re.match(r"\s*\)", part[found.end() :])
    if (
        not found
        or empty
        or not (alone or part[found.end() :].strip(" \t\r\"'`)]}"))
        or SAID.search(part[: found.start()])
    ):
        return False
    quoted = re.match(r"[`\"']", part[found.end() :]) and not found.group().endswith("(")  # a sentence that names it
    return not prose or bool(marks and marks.end() == found.start() and not quoted)
