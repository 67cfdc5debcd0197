"""Installing what another Python or R had: the same version where there is a binary, else the newest that fits.

Each pass is a ``melda-env restore`` of a part of it, in this order: R's binaries in one transaction of apt, Python's wheels of
the same versions, the newest wheels of what has none, then what has to be compiled. What is there already is skipped, so all of
it can be interrupted and begun again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import Callable, Collection, Dict, Iterator, List, Sequence, Set

from melda.base import folders
from melda.config import environ
from melda.envs import Json, capture, diff, document
from melda.envs.capture.pack import ENDING
from melda.envs.errors import UsageError
from melda.envs.restore import bspm, command, plan, tools
from melda.envs.restore.progress import Progress
from melda.envs.restore.r_settle import REPOSITORIES
from melda.envs.upgrade import checking
from melda.envs.upgrade.previous import Former
from melda.plugins import set_paths
from melda.sync.upgrade_record import PACKAGES, Failure

NO_BUILD = "UV_NO_BUILD"  # https://docs.astral.sh/uv/reference/environment/#uv_no_build


def for_another_python(entry: Json) -> Json:
    """Return the entry of a package that is installed for another Python: its wheel may be another file."""
    return {name: value for name, value in entry.items() if name not in ("record", "hashes")}


def for_another_r(entry: Json, version: str, architecture: str) -> Json:
    """Return the entry of an R package; of one that was kept, the copy is called as restore expects one of this R."""
    if "file" not in entry:
        return entry
    name = "{0}_{1}_R{2}_{3}.tar.gz".format(entry["name"], entry["version"], version, architecture)
    return {**entry, "file": {**entry["file"], "name": name}}


@contextlib.contextmanager
def binaries_only(wanted: bool) -> Iterator[None]:
    """Let uv build nothing meanwhile."""
    before = os.environ.get(NO_BUILD)
    if wanted:
        os.environ[NO_BUILD] = "1"
    try:
        yield
    finally:
        os.environ.pop(NO_BUILD, None)
        if before is not None:
            os.environ[NO_BUILD] = before


class Passes:
    """Carries packages over.

    Args:
        place: where things are.
        former: what there was.
        progress: is told what happens.
        broken: packages that are there, but do not load: each is installed again until it does.
    """

    def __init__(
        self, place: environ.ImageLayout, former: Sequence[Former], progress: Progress, broken: Collection[Failure] = ()
    ) -> None:
        self._place, self._progress = place, progress
        self._former = {one.kind: one for one in former}
        self._broken = {(one.kind, one.name): one for one in broken}
        self._here = self._look()
        self._image: Dict[str, Dict[str, str]] = {kind: self._here[kind].get("image", {}) for kind in ("python", "r")}
        self._why: Dict[str, Dict[str, str]] = {"python": {}, "r": {}}
        self.after_each: Callable[[], None] = lambda: None  # called after each pass
        self._work = os.path.join(tools.cache(place), "upgrade")
        self._wanted = {kind: self._entries(kind) for kind in ("python", "r")}

    def _look(self) -> Json:
        return plan.without(capture.capture(self._place), self._names())

    def _names(self) -> Set[str]:
        return {name for _, name in self._broken}

    def _entries(self, kind: str) -> List[Json]:
        one = self._former.get(kind)
        found = one.packages if one else []
        if one is None or one.due.source == one.due.target:  # of a fork whose other language is another version
            return found
        if kind == "python":
            return [for_another_python(entry) for entry in found]
        architecture = self._here["system"]["architecture"]
        return [for_another_r(entry, self._here["r"]["version"], architecture) for entry in found]

    @property
    def total(self) -> int:
        """How many packages there are to carry over."""
        return sum(len(found) for found in self._wanted.values())

    def _there(self, kind: str) -> Set[str]:
        """Return names of what is here: of the image's packages those that are as wanted, of the user's each."""
        part = self._here[kind]
        own: Set[str] = {*part.get("image", {})} - self._image[kind].keys()
        own |= {entry["name"] for entry in part["packages"]}
        return own | {entry["name"] for entry in self._wanted[kind] if self._image_has(kind, entry)}

    def _of_image(self, kind: str, name: str) -> str:
        return self._image[kind].get(name, "")

    def _image_has(self, kind: str, entry: Json) -> bool:
        version = self._of_image(kind, entry["name"])
        if not version or entry["source"]["type"] == "apt":  # whose version nobody chose
            return bool(version)
        return diff.same_version(version, entry["version"]) and not diff.identity(entry)

    def _missing(self, kind: str) -> List[Json]:
        there = self._there(kind)
        return [entry for entry in self._wanted[kind] if entry["name"] not in there]

    def _without_image(self, kind: str) -> List[Json]:
        """Return what is missing, and not in the image in another version either: any version will do."""
        return [entry for entry in self._missing(kind) if not self._of_image(kind, entry["name"])]

    def coming(self) -> Dict[str, List[Json]]:
        """Return what is not here yet, by kind."""
        return {kind: self._missing(kind) for kind in self._wanted}

    def far(self) -> str:
        """Return how far it is, for people."""
        left = sum(len(entries) for entries in self.coming().values())
        return f"{self.total - left} of {self.total}"

    def run(self) -> List[Failure]:
        """Do it.

        Returns:
            What could not be had.

        Raises:
            UsageError: another restore runs, or the snapshot is invalid.
        """
        shutil.rmtree(self._work, ignore_errors=True)
        os.makedirs(self._work)
        missing = {entry["name"] for entry in self._missing("r")}
        try:
            self._r_binaries()
            self._wheels()
            self._newest()
            self._sources()
            self._needed()
            self._load_copies(missing)
            unfit = self._unfit()
        finally:
            shutil.rmtree(self._work, ignore_errors=True)
        return [
            Failure(kind, entry["name"], entry["version"], self._reason(kind, entry["name"]))
            for kind in self._wanted
            for entry in self._missing(kind)
        ] + unfit

    def _reason(self, kind: str, name: str) -> str:
        why, version = self._why[kind].get(name, ""), self._of_image(kind, name)
        if version:
            return f"the image's {version} is used" + (f": {why}" if why else "")
        if (kind, name) in self._broken:
            found = f"it does not load: {self._broken[kind, name].reason}"
            return f"{found}; to install it again failed: {why}" if why else found
        return why or "no reason given"

    def _restore(self, kind: str, text: str, name: str, binary: bool) -> List[command.Problem]:
        """One restore; what cannot be had is remembered with the reason."""
        path = os.path.join(self._work, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        self._files(kind, path + ENDING)
        options = command.Options(allow_version_change=True, again=frozenset(self._names()))
        with binaries_only(binary):
            outcome = command.restore(self._place, path, options, self._progress)
        for problem in outcome.problems:
            self._why[problem.kind][problem.name] = problem.reason
        self._load_again(kind)
        self._here = self._look()
        self.after_each()
        return outcome.problems

    def _load_again(self, kind: str) -> None:
        """See which of the packages that did not load do so now."""
        names = {name for of, name in self._broken if of == kind}
        if not names:
            return
        failures = {one.name: one for one in checking.check(self._place, self._former[kind].due, names)}
        for name in names:
            if name in failures:
                self._broken[kind, name] = failures[name]
            else:
                del self._broken[kind, name]

    def _files(self, kind: str, path: str) -> None:
        """Links to the copies that were kept, under the names that restore expects."""
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        pairs = zip(self._former[kind].packages, self._wanted[kind])
        for old, new in pairs:
            if "file" in old:
                os.symlink(os.path.join(self._former[kind].files, old["file"]["name"]),
                           os.path.join(path, new["file"]["name"]))  # fmt: skip

    def _exact(self, kind: str, packages: List[Json], binary: bool) -> List[command.Problem]:
        if not packages:
            return []
        part = {"version": "", "packages": packages}
        text = json.dumps({**document.empty(), kind: part})
        return self._restore(kind, text, "environment.json", binary)

    def _r_binaries(self) -> None:
        missing = [entry for entry in self._without_image("r") if entry["source"]["type"] in REPOSITORIES]
        in_apt = bspm.available(tools.variables(self._place)) if missing else {}
        # Apt has one version: the same, or the newest that fits.
        found = [
            {**entry, "version": in_apt[entry["name"].lower()]} for entry in missing if entry["name"].lower() in in_apt
        ]
        self._exact("r", found, True)

    def _wheels(self) -> None:
        """Wheels of the same versions: from the index, and copies that were kept."""
        missing = self._missing("python")
        self._exact("python", [one for one in missing if one["source"]["type"] == "index" or "file" in one], True)

    def _pins(self) -> List[str]:
        """Return what is here from the index, as it is: what comes beside it is to fit."""
        index = [one for one in self._here["python"]["packages"] if one["source"]["type"] == "index" and one["version"]]
        return ["{0}=={1}".format(one["name"], one["version"]) for one in index]

    def _newest(self) -> None:
        """Install the newest wheels of what has none of that version, as they fit to the rest: together, else one by one."""
        missing = {one["name"]: one for one in self._without_image("python") if one["source"]["type"] == "index"}
        names = list(missing)
        if not names:
            return
        pins = self._pins()
        before = dict(self._why["python"])
        for group in [names, *([[name] for name in names] if len(names) > 1 else [])]:
            left = [name for name in group if name in {entry["name"] for entry in self._missing("python")}]
            if left:
                # Of what is there and does not load: any but that.
                other = {name: f"{name}!={missing[name]['version']}" for _, name in self._broken if name in missing}
                asked = [other.get(name, name) for name in left]
                self._restore("python", "".join(one + "\n" for one in [*asked, *pins]), "requirements.txt", True)
        self._why["python"].update(before)

    def _sources(self) -> None:
        """Install what has to be compiled: the same version; where that fails, R's nearest."""
        # What the image has, too, takes its binary instead: of numpy an old source does not compile, and takes its time.
        alone = {entry["name"] for entry in self._without_image("python")}
        missing = [one for one in self._missing("python") if one["name"] in alone or one["source"]["type"] != "index"]
        self._exact("python", missing, False)
        problems = self._exact("r", self._missing("r"), False)
        nearest = {one.name: one.nearest for one in problems if one.nearest not in ("", one.version)}
        again = [{**one, "version": nearest[one["name"]]} for one in self._without_image("r") if one["name"] in nearest]
        self._exact("r", [one for one in again if one["source"]["type"] in REPOSITORIES], False)

    def _needed(self) -> None:
        """Install what Python's packages need that is not here: it came with the other image."""
        unmet = checking.unmet(self._place, [entry["name"] for entry in self._wanted["python"]])
        if unmet:
            before = dict(self._why["python"])
            self._restore("python", "".join(one + "\n" for one in [*unmet, *self._pins()]), "requirements.txt", False)
            self._why["python"].update(before)

    def _unfit(self) -> List[Failure]:
        """Load what was carried over, once, as what it needs may have been the other image's; return what does not load."""
        found = []
        for kind, one in self._former.items():
            names = {entry["name"] for entry in self._wanted[kind]} - {entry["name"] for entry in self._missing(kind)}
            if one.due.how == PACKAGES and one.due.source != one.due.target and names:
                failures = [failure for failure in checking.check(self._place, one.due, names) if failure.name in names]
                found += [one._replace(reason=checking.DOES_NOT_LOAD + one.reason) for one in failures]
        return found

    def _load_copies(self, missing: Collection[str]) -> None:
        """R packages from copies were built by the other R: of those that were ``missing`` one that does not load goes again."""
        came = self._there("r").intersection(missing)  # what was here before is the user's own
        names = {entry["name"] for entry in self._wanted["r"] if "file" in entry and entry["name"] in came}
        root = set_paths.plugins(self._place).r
        failures = checking.of_r(self._place, root, names) if names else []
        for one in failures:
            folders.remove(os.path.join(root, one.name))
            self._why["r"][one.name] = f"the copy that was kept does not load: {one.reason}"
        if failures:
            self._here = self._look()


def invalid(error: UsageError) -> bool:
    """Is it of no use to try again? Else another restore runs, which must end first."""
    return "another melda-env restore runs" not in str(error)
