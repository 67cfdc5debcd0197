"""What a project had with another Python or R: its snapshot, or, where the old folders are on disk, what lies in them."""

from __future__ import annotations

import json
import os
from typing import Dict, Iterator, List, NamedTuple

from melda.base import folders, interpreters, regular_files, textfiles
from melda.base.paths import PROJECT_STATE
from melda.config import environ
from melda.envs import Json, capture, document, entries
from melda.envs.capture import copies, pack, python, r, system
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import bspm, repositories, tools
from melda.sync import apt_packages, history, snapshot_check, upgrade_record
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.store import Store
from melda.sync.on_disk import tree
from melda.sync.upgrade_plan import Due

KINDS = {"Python": "python", "R": "r"}


class Former(NamedTuple):
    """Packages to be carried over.

    Attributes:
        due: from which folder into which.
        kind: ``python`` or ``r``.
        packages: entries of the snapshot.
        files: folder with what was kept beside the snapshot.
    """

    due: Due
    kind: str
    packages: List[Json]
    files: str


def inspect(place: environ.ImageLayout, of_python: str, of_r: str) -> capture.Installed:
    """Look at what lies in the folders of another Python and R.

    Args:
        place: where things are.
        of_python, of_r: their versions; empty: none.
    """
    root = os.path.join(place.workdir, "Python-" + of_python)
    own = [interpreters.site_packages(root, of_python), root] if of_python else []
    in_python = python.beyond_image(own)
    libraries = [os.path.join(place.workdir, "R-" + of_r)] if of_r else []
    in_r, _ = r.installed(libraries, [], system.Apt({}, frozenset()))
    found = {
        **document.empty(),
        "system": system.release(),
        "python": {"version": of_python, "packages": [one.entry for one in in_python.values()]},
        "r": {"version": of_r, "packages": [entry for _, entry in in_r.values()]},
    }
    return capture.finished(found, in_python, in_r)


def _has(path: str, kind: str, version: str) -> bool:
    try:
        found = json.loads(regular_files.read_if_any(path, document.LARGEST).decode("utf-8-sig"))
        return copies.versions(found)[kind == "r"] == version
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def snapshots(workdir: str, kind: str, version: str) -> Iterator[str]:
    """Return the snapshots of a Python or an R, the one that was written last first.

    Args:
        workdir: the project.
        kind: ``python`` or ``r``.
        version: its version.

    Raises:
        OSError: one cannot be read now.
    """
    found = [path for path in copies.paths(workdir) if copies.is_of_project(workdir, path)]
    found = [path for path in found if _has(path, kind, version)]
    # What the sync daemon wrote before what the user may have captured one day.
    ours = os.path.join(workdir, PROJECT_STATE) + "/"
    yield from sorted(found, key=lambda path: (path.startswith(ours), os.path.getmtime(path)), reverse=True)


def _write(place: environ.ImageLayout, kind: str, version: str) -> str:
    """Write down what lies in a folder on disk, as the sync daemon does it in a bucket; return the path."""
    both = (version, "") if kind == "python" else ("", version)
    found = inspect(place, *both)
    path = os.path.join(place.workdir, PROJECT_STATE, copies.former_name(*both))
    folders.make(os.path.dirname(path))
    pack.keep(found, path + pack.ENDING)
    textfiles.write_if_changed(path, capture.text(entries.checked(found.document)[0]))
    return path


def in_bucket(workdir: str, source: str) -> Dict[str, str]:
    """Return name and version, empty if that is not known, of all packages that the bucket has of a folder.

    Raises:
        OSError: the bucket does not answer.
    """
    known, _ = Store(os.path.join(workdir, PROJECT_STATE, source)).generations()
    found: Dict[str, str] = {}
    for head in generations.heads(known):
        for name, (version, _) in history.packages(tree.layout(source), known[head]).items():
            found.setdefault(name, version)
    return found


def _with_unlisted(found: Json, kind: str, there: Dict[str, str]) -> Json:
    """Add what a snapshot lacks: its container may have ended before it was written once more."""
    listed = {entry["name"] for entry in found[kind]["packages"]}
    repository = {"type": "index" if kind == "python" else "cran"}
    more = [{"name": name, "version": there[name], "source": repository} for name in sorted(there.keys() - listed)]
    part = {
        **found[kind],
        "packages": document.check({**document.empty(), kind: {"packages": more}}, kind)[kind]["packages"],
    }
    return {**found, kind: {**part, "packages": [*found[kind]["packages"], *part["packages"]]}}


def not_in_apt(place: environ.ImageLayout) -> Dict[str, str]:
    """Return R packages that came through apt in a project on disk, and that apt has not got here, with CRAN's version.

    What apt has is installed again by the sync daemon, and what this image has itself will do: nobody chose its version.
    The list knows names in lower case alone; what CRAN has not got either keeps its own, and no version.
    """
    came = apt_packages.listed(os.path.join(place.workdir, PROJECT_STATE, snapshot_check.APT))
    env = tools.variables(place)
    there = {*bspm.available(env), *(name.lower() for name in capture.capture(place)["r"]["image"])} if came else set()
    left = sorted(name for name in (one.split("-", 2)[2] for one in came) if name not in there)
    if not left:
        return {}
    try:
        current = repositories.all_current(repositories.mirrors(env))
    except PackageUnavailable:
        current = {}
    known = {name.lower(): name for name in current}
    return {known.get(name, name): current.get(known.get(name, name), "") for name in left}


def find(place: environ.ImageLayout, due: Due, local: bool) -> Former:
    """Return what a folder is to be filled with.

    Args:
        place: where things are.
        due: from where to where.
        local: are the project's folders on disk, and not kept in a bucket?

    Raises:
        UsageError: nobody wrote down what it was, or what was written is no snapshot.
        OSError: it cannot be read or written.
    """
    name, _, _ = upgrade_record.parts(due.source)
    kind, version = KINDS[name], due.source.partition("-")[2]
    root = os.path.join(place.workdir, due.source)
    if local and next(iter(tree.layout(due.source).entries(root)), None) is not None:
        path = _write(place, kind, version)
        there = not_in_apt(place) if kind == "r" else {}
    else:
        path = next(snapshots(place.workdir, kind, version), "")
        there = {} if local else in_bucket(place.workdir, due.source)
    if not path and not there:
        raise UsageError(f"there is no snapshot of {due.source}: what was in it is not known")
    found = document.empty()
    if path:  # an error of reading it now is none of what was written
        text = document.decoded(regular_files.read(path, document.LARGEST), path)
        found = document.check(document.parse_json(text, path), path)
    found = _with_unlisted(found, kind, there)
    return Former(due, kind, found[kind]["packages"], path + pack.ENDING)
