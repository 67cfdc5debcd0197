"""Where a Dockerfile's image has the files that lie beside the Dockerfile: https://docs.docker.com/reference/dockerfile/#copy."""

from __future__ import annotations

import json
import os
import posixpath
import re
import shlex
from functools import lru_cache
from typing import Callable, Dict, Iterator, List, Tuple

from melda.envs import document
from melda.envs.formats import scripts, shell_lines

COPY = re.compile(r"\s*(?:COPY|ADD)(?P<options>(?:\s+--\S+)*)\s+(?P<words>\S.*)", re.IGNORECASE)
WORKDIR = re.compile(r"\s*WORKDIR\s+[\"']?(?P<folder>[^\"']+?)[\"']?\s*", re.IGNORECASE)
MOUNT = re.compile(r"--mount=(\S*type=bind\S*)")
NO_NAME = re.compile(r"[*?\[$]|://|<<|\.\.(?:/|$)|\.$")  # several names, or one of elsewhere, or none
MOST, MOST_OF_ONE = 200, 5  # copies


def of(text: str, path: str, say: Callable[[str], None]) -> Callable[[str], str]:
    """Return what finds the file beside a Dockerfile that is at a path of its image; where that is not sure, the path as it is.

    The folder whose files are copied may be one above the Dockerfile's, which it does not say.
    """
    copies = _all(text) if path != document.STDIN and scripts.is_dockerfile(text) else []
    folder = os.path.dirname(os.path.realpath(path))
    named = sorted({one for _, one in copies if not NO_NAME.search(one)})

    @lru_cache(maxsize=None)
    def is_whole(place: str) -> bool:
        return all(os.path.exists(os.path.join(place, one)) for one in named)

    def located(name: str) -> str:
        found = _beside(name, copies)
        there = [one for one in found if _is_in(folder, one)] if len(found) <= MOST_OF_ONE else []
        if len(there) != 1 or not is_whole(folder):
            return name
        if any(os.path.isfile(os.path.join(place, there[0])) and is_whole(place) for place in _above(folder)):
            return name
        say(f"{name} is the {there[0]} beside this file")
        return there[0]

    return located


def _is_in(folder: str, name: str) -> bool:
    """Is this a file of a folder, and no link to one of elsewhere?"""
    path = os.path.join(folder, name)
    inside = not name.startswith("..") and "\0" not in name
    return inside and os.path.isfile(path) and os.path.realpath(path).startswith(os.path.join(folder, ""))


def _above(folder: str) -> Iterator[str]:
    """Yield the folders above one, up to that of its repository."""
    while not os.path.exists(os.path.join(folder, ".git")) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        yield folder


def _all(text: str) -> List[Tuple[str, str]]:
    """Return pairs of a path in the image, ending with /, and the one that it is a copy of."""
    found: List[Tuple[str, str]] = []
    folder = "/"
    for _, line in shell_lines.numbered(text):
        moved, copied = WORKDIR.fullmatch(line), COPY.fullmatch(line)
        if moved:
            said = moved.group("folder")
            known = "$" not in said and (folder or posixpath.isabs(said))
            folder = posixpath.normpath(posixpath.join(folder, said)) if known else ""
        elif copied and "--from" not in copied.group("options"):
            found += _copies(_words(copied.group("words")), folder)
        found += _mounted(line) if "--mount=" in line else ()
    return list(dict.fromkeys((there.rstrip("/") + "/", here) for there, here in found))[-MOST:]


def _beside(name: str, copies: List[Tuple[str, str]]) -> List[str]:
    path = posixpath.normpath(name) + "/"
    found = [
        posixpath.join(here, path[len(there) :]) for there, here in copies if path.startswith(there) and path[:1] == "/"
    ]
    return list(dict.fromkeys(map(posixpath.normpath, found)))


def _words(text: str) -> List[str]:
    try:
        return list(map(str, json.loads(text))) if text.startswith("[") else shlex.split(text)
    except (ValueError, RecursionError):
        return []


def _copies(words: List[str], folder: str) -> Iterator[Tuple[str, str]]:
    into = posixpath.normpath(posixpath.join(folder, words[-1])) if words else ""
    for one in map(_source, words[:-1] if posixpath.isabs(into) else ()):
        yield into, one  # a folder, whose content is copied, or a file under another name
        if posixpath.basename(one) not in (posixpath.basename(into), "."):
            yield posixpath.join(into, posixpath.basename(one)), one


def _source(name: str) -> str:
    return posixpath.normpath(name.lstrip("/"))  # / is the folder's own: no path leads out of it


def _mounted(line: str) -> Iterator[Tuple[str, str]]:
    for one in MOUNT.findall(line):
        said: Dict[str, str] = dict(part.partition("=")[::2] for part in one.split(","))
        there = said.get("target") or said.get("dst") or said.get("destination") or ""
        if posixpath.isabs(there) and "from" not in said:
            yield posixpath.normpath(there), _source(said.get("source") or said.get("src") or ".")
