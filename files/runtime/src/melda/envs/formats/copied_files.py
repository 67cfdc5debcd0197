"""Where a Dockerfile's image has the files that lie beside the Dockerfile: https://docs.docker.com/reference/dockerfile/#copy."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from typing import Callable, Dict, Iterator, List, Tuple

from melda.envs.formats import scripts, shell_lines

COPY = re.compile(r"\s*(?:COPY|ADD)(?P<options>(?:\s+--\S+)*)\s+(?P<words>\S.*)", re.IGNORECASE)
WORKDIR = re.compile(r"\s*WORKDIR\s+[\"']?(?P<folder>[^\"'$]+?)[\"']?\s*", re.IGNORECASE)
MOUNT = re.compile(r"--mount=(\S*type=bind\S*)")
MOST = 200  # copies


def of(text: str, say: Callable[[str], None]) -> Callable[[str], str]:
    """Return what finds the file beside a Dockerfile that is at a path of its image; of any other text, paths as they are."""
    copies = _all(text)

    def located(name: str) -> str:
        here = _beside(name, copies)
        if here != name:
            say(f"{name} is the {here} beside this file")
        return here

    return located


def _all(text: str) -> List[Tuple[str, str]]:
    """Return pairs of a path in the image and the one beside the Dockerfile that it is a copy of, the last ones first."""
    found: List[Tuple[str, str]] = []
    folder = "/"
    for _, line in shell_lines.numbered(text) if scripts.is_dockerfile(text) else ():
        moved, copied = WORKDIR.fullmatch(line), COPY.fullmatch(line)
        if moved:
            folder = posixpath.normpath(posixpath.join(folder, moved.group("folder")))
        elif copied and "--from" not in copied.group("options"):
            found += _copies(_words(copied.group("words")), folder)
        found += _mounted(line) if "--mount=" in line else ()
    return found[: -MOST - 1 : -1]


def _beside(name: str, copies: List[Tuple[str, str]]) -> str:
    path = posixpath.normpath(name)
    for there, here in copies if posixpath.isabs(name) else ():
        if path == there:
            return here
        if path.startswith(posixpath.join(there, "")):
            return posixpath.join(here, posixpath.relpath(path, there))
    return name


def _words(text: str) -> List[str]:
    try:
        return list(map(str, json.loads(text))) if text.startswith("[") else shlex.split(text)
    except (ValueError, RecursionError):
        return []


def _copies(words: List[str], folder: str) -> Iterator[Tuple[str, str]]:
    into = posixpath.normpath(posixpath.join(folder, words[-1])) if words else ""
    for one in map(posixpath.normpath, words[:-1]):
        yield into, one  # a folder, whose content is copied, or a file under another name
        if posixpath.basename(one) not in (posixpath.basename(into), "."):
            yield posixpath.join(into, posixpath.basename(one)), one


def _mounted(line: str) -> Iterator[Tuple[str, str]]:
    for one in MOUNT.findall(line):
        said: Dict[str, str] = dict(part.partition("=")[::2] for part in one.split(","))
        there = said.get("target") or said.get("dst") or said.get("destination") or ""
        if posixpath.isabs(there) and "from" not in said:
            yield posixpath.normpath(there), posixpath.normpath(said.get("source") or said.get("src") or ".")
