"""What restore was asked for, what there is to do (what a file asks for, less what is there already), and how it went."""

from __future__ import annotations

import os
from typing import Collection, Dict, List, NamedTuple, Sequence, Set

from melda.envs import Json, diff
from melda.envs.errors import UsageError

NAMES = {"python": "Python", "r": "R"}
# How long compiling takes, measured on two cores with CRAN's packages: half of those without compiled code take less than
# the first figure, and nearly all of those with it less than the last.
HOW_LONG = "a package without compiled code takes about 5 s, one with it 20 s to 5 min"


class Plan(NamedTuple):
    """What there is to do.

    Attributes:
        python, r: entries to install.
        extra_python, extra_r: entries that are here and not in the file.
        there: how many of the file's are here already.
    """

    python: List[Json]
    r: List[Json]
    extra_python: List[Json]
    extra_r: List[Json]
    there: int


def _used(document: Json, path: str) -> Dict[str, Set[str]]:
    if "kernels" not in document:
        raise UsageError(f"--attached: {path!r} does not say what notebooks use; capture --attached does")
    found: Dict[str, Set[str]] = {"python": set(), "r": set()}
    for kernel in document["kernels"]:
        if kernel["language"]:
            found[kernel["language"]] |= {*kernel.get("attached", ()), *kernel.get("loaded", ())}
    return found


def attached(document: Json, path: str) -> Json:
    """Of ``document`` what its notebooks had loaded.

    Raises:
        UsageError: it does not say.
    """
    used = _used(document, path)
    parts = {
        kind: {**document[kind], "packages": [one for one in document[kind]["packages"] if one["name"] in used[kind]]}
        for kind in NAMES
    }
    return {**document, **parts}


def check_versions(wanted: Json, here: Json, allowed: bool) -> List[str]:
    """Return whether Python and R are those of the file.

    Returns:
        A line for each that is not.

    Raises:
        UsageError: one is not, and that is not allowed.
    """
    lines = []
    for kind, name in NAMES.items():
        given, mine = wanted[kind]["version"], here[kind]["version"]
        same = mine == given or (given.count(".") == 1 and mine.startswith(given + "."))
        if given and mine and wanted[kind]["packages"] and not same:
            lines.append(f"the file is of {name} {given}, this container has {mine}")
    if lines and not allowed:
        raise UsageError("{0}: --allow-version-change goes on all the same".format("; ".join(lines)))
    return lines


def missing(wanted: Json, here: Json, kind: str) -> List[Json]:
    """Return the entries of one language that are not here, or not as they are wanted."""
    one = {**wanted, "system": {}, **{other: _nothing() for other in NAMES if other != kind}}
    other = {**here, "system": {}, **{other: _nothing() for other in NAMES if other != kind}}
    differ = {change.name for change in diff.compare(one, other)}
    return [entry for entry in wanted[kind]["packages"] if entry["name"] in differ]


def without(here: Json, names: Collection[str]) -> Json:
    """Return a capture as if packages of these names were not installed."""
    found = dict(here)
    for kind in NAMES if names else ():
        part = here[kind]
        found[kind] = {
            **part,
            "packages": [entry for entry in part["packages"] if entry["name"] not in names],
            "image": {name: version for name, version in part.get("image", {}).items() if name not in names},
        }
    return found


def _nothing() -> Json:
    return {"version": "", "packages": []}


def make(wanted: Json, here: Json) -> Plan:
    """Return what there is to do to have ``wanted`` in a container that is ``here``."""
    todo = {kind: missing(wanted, here, kind) for kind in NAMES}
    extra = {}
    for kind in NAMES:
        asked = {entry["name"] for entry in wanted[kind]["packages"]}
        extra[kind] = [entry for entry in here[kind]["packages"] if entry["name"] not in asked]
    total = sum(len(wanted[kind]["packages"]) for kind in NAMES)
    there = total - len(todo["python"]) - len(todo["r"])
    return Plan(todo["python"], todo["r"], extra["python"], extra["r"], there)


def _list(entries: Sequence[Json]) -> str:
    return ", ".join("{0} {1}".format(entry["name"], entry["version"]).strip() for entry in entries)


def lines(plan: Plan, apt: Sequence[Json], source: Sequence[Json], there_too: bool) -> List[str]:
    """Return what will be done, for a reader.

    Args:
        plan: what there is to do.
        apt: R packages that apt has.
        source: R packages that are made from source.
        there_too: packages that the file does not name are removed.
    """
    found = []
    if plan.there:
        found.append(f"{plan.there} packages are there already")
    if plan.python:
        found.append(f"{len(plan.python)} Python packages: {_list(plan.python)}")
    if apt:
        found.append(f"{len(apt)} R packages as binaries: {_list(apt)}")
    kept = [entry for entry in plan.r if "file" in entry]
    if kept:
        found.append(f"{len(kept)} R packages from copies that were kept: {_list(kept)}")
    if source:
        compiled = [entry for entry in source if entry.get("compiled", True)]
        found.append(f"{len(source)} R packages from source: {_list(source)}")
        found.append(
            f"{len(compiled)} of them have, or may have, code to be compiled on {len(os.sched_getaffinity(0))} cores; {HOW_LONG}"
        )
    extra = [*plan.extra_python, *plan.extra_r]
    if extra:
        doing = "removed" if there_too else "left alone, though the file does not name them"
        found.append(f"{len(extra)} packages are {doing}: {_list(extra)}")
    return found


class Options(NamedTuple):
    """What was asked for.

    Attributes:
        attached: only what notebooks had loaded.
        allow_version_change: go on with another Python or R.
        prune: remove what the file does not name.
        dry_run: only say what would be done.
        allow_repositories: ask repositories of R packages that the file names.
        again: names of packages that are installed though they are there, as what is there does not work.
    """

    attached: bool = False
    allow_version_change: bool = False
    prune: bool = False
    dry_run: bool = False
    allow_repositories: bool = False
    again: Collection[str] = ()


DEFAULTS = Options()


class Problem(NamedTuple):
    """A package that cannot be had, why, and the nearest version that can (empty: none)."""

    kind: str
    name: str
    version: str
    reason: str
    nearest: str = ""

    def line(self) -> str:
        """For a reader."""
        near = f"; nearest to be had: {self.nearest}" if self.nearest else ""
        what = " ".join(word for word in (NAMES.get(self.kind, ""), self.name, self.version) if word)
        return f"{what}: {self.reason}{near}"


class Outcome(NamedTuple):
    """How it went: how many were installed, how many were there, and which cannot be had."""

    installed: int
    there: int
    problems: List[Problem]

    def as_json(self) -> Json:
        """For a program."""
        return {**self._asdict(), "problems": [problem._asdict() for problem in self.problems]}
