"""On which image a project ran last: a small file in the project, so that a start on another image is no surprise."""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional

from melda.base import folders, interpreters, regular_files, textfiles
from melda.base.paths import IMAGE, PROJECT_STATE
from melda.config import environ
from melda.config.environ import ImageLayout

NAME = "image.json"  # in the project's state
OS_RELEASE = "/etc/os-release"
SCHEMA = 1
LARGEST = 1 << 16  # bytes of the file, which anybody may have written who can write the project
LONGEST = 200  # characters of a value
SHOWN = {"python": "Python", "r": "R", "base": "base", "version": "version", "revision": "revision"}
COMMIT = re.compile(r"[0-9a-f]{40}(-dirty)?")


class Image(NamedTuple):
    """An image, as far as it matters to a project. Empty: not known.

    Attributes:
        version: of Melda Jupyter.
        revision: the commit that it was built from.
        base: what it was built on.
        created: when.
        r, python: their versions.
        manifest: number that stands for all that is installed in it, as in its manifest and in snapshots.
        installed: changes with what is installed in it; at once, and for this project alone, see melda/sync/snapshot_check.py.
    """

    version: str = ""
    revision: str = ""
    base: str = ""
    created: str = ""
    r: str = ""
    python: str = ""
    manifest: str = ""
    installed: str = ""


class Record(NamedTuple):
    """What a project knows.

    Attributes:
        last: the image that it ran on last; None: not known.
        before: the one before that was another; None: not known.
    """

    last: Optional[Image] = None
    before: Optional[Image] = None


def _image(found: Any) -> Optional[Image]:
    if not isinstance(found, dict):
        return None
    values = {name: found.get(name, "") for name in Image._fields}
    fine = all(isinstance(value, str) and len(value) <= LONGEST and value.isprintable() for value in values.values())
    return Image(**values) if fine else None


def _json(path: str) -> Dict[str, Any]:
    try:
        found = json.loads(regular_files.read_if_any(path, LARGEST))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def here(place: ImageLayout, made: str = IMAGE, os_release: str = OS_RELEASE) -> Image:
    """Return this image; its manifest's number is not known yet, it takes a while.

    Args:
        place: where things are.
        made: what the build wrote down; an image that was not built by ``make image`` has no such file.
        os_release: says what it was built on where the build does not.
    """
    found = Image()
    with contextlib.suppress(OSError):
        found = _image(_json(made)) or found
    base = found.base
    if not base:
        with contextlib.suppress(OSError):
            base = environ.parse(textfiles.read(os_release)).get("PRETTY_NAME", "")[:LONGEST]
    return found._replace(base=base, r=interpreters.r(), python=interpreters.python(place.python_env), manifest="")


def path_in(workdir: str) -> str:
    """Return where a project's record lies."""
    return os.path.join(workdir, PROJECT_STATE, NAME)


def read(workdir: str) -> Record:
    """Return what a project knows; nothing where there is no record, or something else in its place."""
    found = _json(path_in(workdir))
    return Record(_image(found.get("last")), _image(found.get("before")))


def same(one: Image, other: Image) -> bool:
    """Are these one image, as far as is known?"""
    plain = one._replace(manifest="", installed="") == other._replace(manifest="", installed="")
    return plain and ("" in (one.manifest, other.manifest) or one.manifest == other.manifest)


def write(workdir: str, now: Image, known: Optional[Record] = None) -> Record:
    """Remember the image that a project runs on."""
    known = known or read(workdir)
    before = known.last if known.last and not same(known.last, now) else known.before
    found = Record(now, before)
    if found != known:
        document: Dict[str, Any] = {"schema": SCHEMA, "last": now._asdict()}
        if before:
            document["before"] = before._asdict()
        folders.make(os.path.dirname(path_in(workdir)))
        path, text = path_in(workdir), json.dumps(document, indent=1) + "\n"
        # In a bucket, a new file costs five requests less than a file that gets its name later.
        if known.last or not textfiles.create(path, text):
            textfiles.replace(path, text)
    return found


def _short(value: str) -> str:
    return value[:12] + ("-dirty" if value.endswith("-dirty") else "") if COMMIT.fullmatch(value) else value


def difference(last: Optional[Image], now: Image) -> str:
    """Return from what to what a project moved, in one line; empty: nowhere, or it is not known."""
    if last is None:
        return ""
    changed: List[str] = []
    for name, shown in SHOWN.items():
        mine, theirs = getattr(last, name), getattr(now, name)
        if mine != theirs:
            changed.append("{0} {1} -> {2}".format(shown, _short(mine) or "none", _short(theirs) or "none"))
    if not changed and last.created != now.created:
        changed.append(f"built {last.created or 'unknown'} -> {now.created or 'unknown'}")
    return "the project ran on another image before: " + ", ".join(changed) if changed else ""
