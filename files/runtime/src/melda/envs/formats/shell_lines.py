"""Lines of shells and Dockerfiles: continued ones joined, and those that install packages in a way that is not read."""

from __future__ import annotations

import json
import re
import shlex
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from melda.envs.formats import commands, fences, scripts, shell_words

# A name that is given a value, and one that is used where a version stands. ARG's is a default: it is what the file says.
VALUE = re.compile(
    r"(?:^|(?<=[\s;&]))(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|\"']*)"
    r"|^[ \t]*ENV[ \t]+(?P<named>[A-Za-z_]\w*)[ \t]+(?P<other>\S+)",
    re.MULTILINE,
)
VERSION = re.compile(r"\d+(?:\.\d+)+(?:[.+-]?[A-Za-z]+\d*)?|\d{1,4}")
USED = re.compile(r"(?<=[=<>~])\$(?:\{(\w+)\}|(\w+))")
CONTINUED = re.compile(r"\\[ \t]*$")
EXEC = re.compile(r"\s*RUN((?:\s+--\S+)*)\s*(\[.*\])\s*")
TOOL = re.compile(
    r"(?<![\w./~-])(?:[\w.~/-]*/)?(?:pip[\d.]*|uv|poetry|pdm|pipenv|pipx|conda|mamba|micromamba)"
    r"(?:\s+-\S+)*(?:(?:\s+(?:pip|tool|env))?\s+(?:install|add|create)|\s+pip\s+sync|\s+env\s+update)(?!\S)|"
    r"(?<![\w./~-])(?:Rscript|R)(?:\s+-\S+)*\s+(?:<\s*)?(?:[\w.$/{}~-]*/)?[\w.-]*(?:install|packages|dep|require|setup)[\w.-]*\.R(?![\w.])|"
    r"(?<![\w./~-])(?:R\s+CMD\s+INSTALL|(?:[\w./~-]*/)?python[\d.]*\s+setup\.py\s+(?:install|develop))(?!\S)|"
    r"(?<![\w./~-])(?:install2\.r|installGithub\.r|installBioc\.r|easy_install|pip-sync)(?!\S)|"
    r"\b(?:install\.packages|install_(?:github|gitlab|version|bioc|cran|url|git)|BiocManager::install|pak::pkg_install|pak::pak|renv::(?:install|restore))\(",
    re.IGNORECASE,
)
# What only speaks of it.
SAID = re.compile(r"^\s*(?:#|//|LABEL\b|CMD\b|ENTRYPOINT\b)|(?:^|\s)(?:echo|printf)\s")
MARKS = re.compile(r"[\s>*+`$%!-]*(?:\d+[.)]\s+)?`*")


def numbered(text: str) -> Iterator[Tuple[int, str]]:
    """Yield lines with their numbers, continued ones joined, and versions that the text gives names to in their place.

    In a Dockerfile comments and empty lines between them are none: https://docs.docker.com/reference/dockerfile/#format.
    """
    docker = scripts.is_dockerfile(text)
    started, joined, values = 0, "", _values(text)
    for number, line in enumerate(text.splitlines(), 1):
        if started and docker and (not line.strip() or line.lstrip().startswith("#")):
            continue
        started = started or number
        if CONTINUED.search(line):
            joined += CONTINUED.sub(" ", line)
            continue
        yield started, _plain(_with(values, joined + line))
        started, joined = 0, ""
    if started:
        yield started, _plain(_with(values, joined))


def _values(text: str) -> Dict[str, str]:
    """Return versions that have names, as ARG, ENV and shells give them; not what is given another value elsewhere."""
    found: Dict[str, Set[str]] = {}
    for one in VALUE.finditer(text) if "$" in text else ():
        name, value = one.group("name", "value") if one.group("name") else one.group("named", "other")
        found.setdefault(name, set()).add(value.strip("'\""))
    alone = {name: next(iter(values)) for name, values in found.items() if len(values) == 1}
    return {name: value for name, value in alone.items() if VERSION.fullmatch(value)}


def _with(values: Dict[str, str], line: str) -> str:
    return USED.sub(lambda one: values.get(one.group(1) or one.group(2), one.group()), line) if values else line


def _plain(line: str) -> str:
    """Return a line as a shell has it; a Dockerfile may have its words as a list of JSON."""
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


def unread(text: str, prose: bool, reads: Callable[[str], str]) -> Iterator[Tuple[int, str]]:
    """Yield what installs packages and is not read: the number of its line, and the command without what follows it.

    Args:
        text: as it was.
        prose: a sentence may speak of a command; outside its fences only lines that begin with one are meant.
        reads: returns what of a line is read.
    """
    fenced = {at + 1 for _, inside in fences.read(text) for at in inside}
    for number, line in numbered(text):
        if line.lstrip().startswith("#") or not TOOL.search(line):
            continue
        parts = [one for one in shell_words.parts(line) if _installs(one, prose and number not in fenced)]
        missing = len(parts) - len(list(commands.read(reads(line))))
        if missing > 0:
            for part in ([one for one in parts if not reads(one)] or parts)[-missing:]:
                found = TOOL.search(part)
                yield number, " ".join(found.group(0).split()).rstrip("(") if found else ""


def _installs(part: str, prose: bool) -> bool:
    found, marks = TOOL.search(part), MARKS.match(part)
    # A program names its packages itself; xargs brings them.
    names_them = found and re.search(r"\.R$|setup\.py", found.group(0), re.IGNORECASE)
    alone = names_them or re.match(r"\s*(?:sudo\s+)?xargs\s", part)
    if not found or not (alone or part[found.end() :].strip()) or SAID.search(part[: found.start()]):
        return False
    return not prose or bool(marks and marks.end() == found.start())
