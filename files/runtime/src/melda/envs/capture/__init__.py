"""An environment written down: everything it takes to have it again. Nothing is started and nothing is asked."""

from __future__ import annotations

import json
from typing import Dict, List, NamedTuple, Optional, Tuple

from melda.base import interpreters
from melda.bspm import record
from melda.config import environ
from melda.envs import Json, entries
from melda.envs.capture import python, r, system
from melda.envs.capture.python import Found
from melda.envs.errors import UsageError
from melda.versions import libraries as versions_libraries

SCHEMA = 1
NAME = "environment.json"
SYSTEMS = "/usr/"  # where libraries lie that are not the user's


class Installed(NamedTuple):
    """What is installed beyond the image, and where.

    Attributes:
        document: the capture.
        python: distributions by name.
        r: library and entry by name.
        left_out: of what something was dropped because it looked like an address with a secret.
    """

    document: Json
    python: Dict[str, Found]
    r: Dict[str, Tuple[str, Json]]
    left_out: List[str]


def here() -> environ.ImageLayout:
    """Return where things are in this container.

    Raises:
        UsageError: a variable of the image is invalid.
    """
    return environ.image_layout(environ.load())


def inspect(place: environ.ImageLayout, status: str = system.STATUS, brought: str = record.PATH) -> Installed:
    """Look at what is installed.

    Args:
        place: where things are.
        status: dpkg's list.
        brought: bspm's record.

    Raises:
        UsageError: something cannot be read: what is in it would seem to be removed.
    """
    try:
        return _inspect(place, status, brought)
    except OSError as error:
        what = error.filename or "what is installed"
        raise UsageError(
            f"{what} cannot be read: {error.strerror or error}; what was written down before stays"
        ) from None


def _inspect(place: environ.ImageLayout, status: str, brought: str) -> Installed:
    apt = system.Apt(system.installed(status), frozenset(record.read(brought).brought))
    version = interpreters.python(place.python_env)
    own: List[str] = []
    image: List[str] = []
    for folder in versions_libraries.python_folders(place.python_env, place.workdir, version):
        (image if folder.startswith(place.python_env + "/") else own).append(folder)
    in_python = python.beyond_image(own)
    of_image = versions_libraries.Reader().packages(versions_libraries.PYTHON, image)
    of_image = dict(sorted((versions_libraries.normal(name), found) for name, found in of_image.items()))
    r_version = interpreters.r()
    libraries = versions_libraries.r_folders(place.user.home, place.workdir, r_version) if r_version else []
    systems = [library for library in libraries if library.startswith(SYSTEMS)]
    in_r, r_of_image = r.installed([one for one in libraries if one not in systems], systems, apt)
    document = {
        "schema": SCHEMA,
        "system": {
            **system.release(),
            "image": system.fingerprint(apt.of_image(), of_image, r_of_image),
            "packages": apt.beyond_image(),
        },
        "python": {
            "version": version,
            "packages": [found.entry for found in in_python.values()],
            "image": of_image,
        },
        "r": {
            "version": r_version,
            "packages": [entry for _, entry in in_r.values()],
            "image": r_of_image,
        },
    }
    return finished(document, in_python, in_r)


def finished(document: Json, in_python: Dict[str, Found], in_r: Dict[str, Tuple[str, Json]]) -> Installed:
    """Return a document without what looks like an address with a secret, and what is installed with the entries it has now."""
    found, told = entries.checked(document)
    if told:
        by_name = {kind: {entry["name"]: entry for entry in found[kind]["packages"]} for kind in ("python", "r")}
        in_python = {
            name: one._replace(entry=by_name["python"][name])
            for name, one in in_python.items()
            if name in by_name["python"]
        }
        in_r = {name: (one[0], by_name["r"][name]) for name, one in in_r.items() if name in by_name["r"]}
    return Installed(found, in_python, in_r, told)


def capture(place: Optional[environ.ImageLayout] = None) -> Json:
    """Return the environment of this container, as docs/envs.md and schema.json describe it.

    Takes no longer than it takes to read a few small files a package; starts nothing, asks nobody.

    Args:
        place: where things are; None: as the image's variables say.

    Raises:
        UsageError: a variable of the image is invalid, or something cannot be read.
    """
    return inspect(place or here()).document


def text(document: Json) -> str:
    """Return a capture as a file holds it: the same for the same environment, byte by byte."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
