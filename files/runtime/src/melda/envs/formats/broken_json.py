"""JSON with a broken line: each entry that is whole by itself is read."""

from __future__ import annotations

import json
import os
import re
from typing import Iterator, Sequence, Tuple

from melda.envs import Json, document
from melda.envs.errors import UsageError
from melda.envs.formats import locks, renv
from melda.envs.formats.reading import Reading

MOST_TRIED = 20_000  # places where an object may begin


def objects(text: str) -> Iterator[Tuple[str, Json]]:
    """Yield each object of a broken JSON that is whole, the outermost first, with the name before it."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MOST_TRIED):
        at = text.find("{", at)
        if at < 0:
            return
        name = re.search(r'"([^"\\\n]{1,200})"\s*:\s*$', text[max(0, at - 250) : at])
        try:
            found, at = decoder.raw_decode(text, at)
            yield (name.group(1) if name else "", found)
        except (ValueError, RecursionError):
            at += 1


def nested(text: str, without: Sequence[str] = ()) -> Iterator[Tuple[str, Json]]:
    """Yield each object of a broken JSON that is whole, and those in it, with their names; not what is below ``without``."""
    waiting = list(objects(text))[::-1]
    while waiting:
        name, found = waiting.pop()
        if name not in without:
            yield name, found
            waiting += [(str(key), value) for key, value in found.items() if isinstance(value, dict)][::-1]


def _entries(text: str) -> Json:
    found: Json = document.empty()
    middle = re.search(r'^ ?"r"\s*:', text, re.MULTILINE)
    for _, one in objects(text):
        for language in document.LANGUAGES:
            part = one.get(language)
            if isinstance(part, dict) and isinstance(part.get("packages"), list):
                found[language]["packages"] += part["packages"]
        if isinstance(one.get("packages"), list):
            found["r" if "needs" in str(one) or "cran" in str(one) else "python"]["packages"] += one["packages"]
        elif isinstance(one.get("source"), dict) and "name" in one:
            after = middle is not None and text.find(str(one["name"])) > middle.start()
            found["r" if after else "python"]["packages"].append(one)
    return found


def _of_renv(reading: Reading, text: str, why: str) -> None:
    """Read the packages of renv.lock."""
    reading.bad("r", "lock", why)
    for key, found in nested(text):
        if isinstance(found.get("Package"), str):
            renv.add(reading, key or found["Package"], found, "", {})
    version = re.search(r'"R"\s*:\s*\{\s*"Version"\s*:\s*"(\d+\.\d+\.\d+)"', text)
    reading.is_of("r", version.group(1) if version else "")


def read(text: str, path: str, why: str) -> Json:
    """Return what can be read.

    Args:
        text: of the file.
        path: names it in messages.
        why: it is no JSON as a whole.

    Raises:
        UsageError: nothing can.
    """
    reading = Reading(path)
    if re.search(r'"Package"\s*:', text) or os.path.basename(path) == "renv.lock":
        _of_renv(reading, text, why)
        if reading.names("r"):
            return reading.result()
    elif re.search(r'"(_meta|default|develop)"\s*:', text):
        fields = {"version", "hashes", "git", "file", "path"}
        whole = {name: one for name, one in nested(text, ("develop", "_meta")) if fields & one.keys()}
        if whole:
            locks.pipfile(reading, {"default": whole})
            reading.bad("python", "lock", why)
            return reading.result()
    else:
        found = _entries(text)
        if any(found[one]["packages"] for one in document.LANGUAGES):
            checked = document.check(found, path)
            return {
                **checked,
                document.PROBLEMS: [
                    *checked.get(document.PROBLEMS, []),
                    document.problem("", os.path.basename(path), why),
                ],
            }
    raise UsageError(why)
