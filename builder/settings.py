"""The variables of the Makefile, checked before anything is done."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from melda.base.paths import HIGHEST_PORT, JUPYTER_PORT

from builder import overrides
from builder.base import LOCAL, PLATFORMS
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("none", "core", "datascience")
# In a folder that `make mirror` made: what it was made for.
MANIFEST = "mirror.json"
# Ends the name of the base image that is built on the way; see base_name().
BASE = "-base"

# The grammar of image references (https://pkg.go.dev/github.com/distribution/reference).
# A domain, as the registry's part of a reference (distribution/reference).
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"(?:{_HOST}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
_NAME = rf"{_REPOSITORY}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
# The longest name the same grammar takes.
_LONGEST = 255
_TAGGED = re.compile(_NAME)
REFERENCE = re.compile(rf"{_NAME}(?:@sha256:[0-9a-f]{{64}})?")
# What programs that a build calls read in their environment, where make puts what it is given.
_OTHERS = re.compile(
    r"(MELDA|DOCKER|BUILDX|BUILDKIT|AWS|PIP|UV|SSL|LC)_.*|.*_(proxy|PROXY|CA_BUNDLE)|NETRC|HOME|PATH|TMPDIR|LANG|TERM"
)
_SWITCHES = {"": False, "0": False, "1": True}


@dataclass(frozen=True)
class Settings:
    """What to build and where to run it.

    Attributes:
        base: ``auto``, one of ``builder.base.LOCAL``, or an image reference.
        image: name and tag of the result.
        packages: set of curated packages, one of ``PACKAGES``.
        port: TCP port of the build host on which the notebook listens.
        strict: nothing may be skipped.
        data: settings of group_data/all.py for this build.
        mirror: folder that ``make mirror`` made, from which everything comes; empty: the network.
        platform: one of ``builder.base.PLATFORMS``; empty: the engine's own.
    """

    base: str = "auto"
    image: str = "melda-jupyter:latest"
    packages: str = "datascience"
    port: str = str(JUPYTER_PORT)
    strict: bool = False
    data: dict[str, str] = field(default_factory=dict)
    mirror: str = ""
    platform: str = ""


def refuse(name: str, value: str, right: str) -> BuildError:
    """Return the line for a setting that is wrong: its name, its value, what it must be."""
    return BuildError(f"invalid {name}={value}: expected {right}")


def base_name(image: str) -> str:
    """Return the name of an image's base, so that no build moves another's: ``team/x:1`` -> ``team/x-base:1``."""
    name, colon, tag = image.rpartition(":")
    # Without a tag the colon is a registry's port, or there is none.
    if not colon or "/" in tag:
        name, colon, tag = image, "", ""
    return name + BASE + colon + tag


def check(arguments: argparse.Namespace) -> Settings:
    """Return the settings, if all are right.

    Raises:
        BuildError: names the first that is not.
    """
    base, image, packages = arguments.base, arguments.image, arguments.packages
    port, strict = arguments.port, arguments.strict
    if not REFERENCE.fullmatch(base):
        raise refuse("BASE", base, f"auto, an image reference, or one of {', '.join(LOCAL)}")
    if not _TAGGED.fullmatch(image):
        raise refuse("IMAGE", image, "an image name such as melda-jupyter:latest")
    if re.search(rf"{BASE}(:[^/]*)?$", image):
        raise refuse("IMAGE", image, f"a name without {BASE} at its end, which base images have")
    if packages not in PACKAGES:
        raise refuse("PACKAGES", packages, f"{', '.join(PACKAGES[:-1])} or {PACKAGES[-1]}")
    if not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= HIGHEST_PORT):
        raise refuse("PORT", port, f"a number from 1 to {HIGHEST_PORT}")
    if strict not in _SWITCHES:
        raise refuse("STRICT", strict, "1, or 0 or empty")
    data = overrides.parse(arguments.data)
    if arguments.mirror and not (Path(arguments.mirror) / MANIFEST).is_file():
        raise refuse("MIRROR", arguments.mirror, "a folder that `make mirror` made")
    if arguments.platform and arguments.platform not in PLATFORMS:
        raise refuse("PLATFORM", arguments.platform, f"empty, {' or '.join(PLATFORMS)}")
    if arguments.platform and (arguments.mirror or arguments.command == "mirror"):
        raise refuse("PLATFORM", arguments.platform, "empty, a mirror is of the build host's own platform")
    return Settings(
        base, image, packages, str(int(port)), _SWITCHES[strict], data, arguments.mirror, arguments.platform
    )


def check_names(given: str, passed: Sequence[str]) -> None:
    """Refuse a variable that make was given and nobody reads: what was meant would not be done.

    Args:
        given: their names.
        passed: variables of the container.

    Raises:
        BuildError: names the first.
    """
    known = re.findall(r"^([A-Z]+) \?=", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for name in given.split():
        if name not in (*known, *passed) and not _OTHERS.fullmatch(name):
            near = difflib.get_close_matches(name.upper(), [*known, *passed], n=1)
            perhaps = f", perhaps {near[0]}" if near else ""
            raise BuildError(
                f"invalid variable {name!r}: expected one of {', '.join(known)}, or the container's{perhaps}"
            )


def verbose(value: str) -> bool:
    """VERBOSE, if it is right: is the engine's whole output shown?

    Raises:
        BuildError: it is not.
    """
    if value not in _SWITCHES:
        raise refuse("VERBOSE", value, "1, or 0 or empty")
    return _SWITCHES[value]


def repository(value: str) -> str:
    """REPOSITORY, if it is right: an image's name whose tag and digest are the builder's to give.

    Raises:
        BuildError: it is not.
    """
    if not re.fullmatch(_REPOSITORY, value) or len(value) > _LONGEST:
        raise refuse(
            "REPOSITORY", value, "an image name without a tag, such as registry.example.org/team/melda-jupyter"
        )
    return value
