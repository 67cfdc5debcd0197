"""R packages at the captured versions: apt's binary where it has that version, else the source of that version.

Apt's go into the system's library, all in one transaction; what is compiled goes into the user's library, a package after what
it needs. R's own lock makes each of them whole or not there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Callable, Dict, List, Optional, Sequence, Set

from melda.base.addresses import hide
from melda.envs import Json
from melda.envs.capture import r
from melda.envs.diff import same_version
from melda.envs.errors import PackageUnavailable
from melda.envs.formats.renv import BASE
from melda.envs.restore import bspm, nearest, r_settle, repositories, sources, tools
from melda.envs.restore.progress import Progress
from melda.envs.restore.r_settle import Ways, ordered, ways
from melda.envs.restore.wanted import Site, kept
from melda.plugins import r_library

Failures = Dict[str, str]
__all__ = ["Installer", "Ways", "installs", "ordered", "ways", "why"]


class Installer:
    """Installs R packages.

    Args:
        library: where to.
        env: variables of R.
        progress: is told what happens.
        others: may repositories that the file names be asked?
    """

    def __init__(self, library: Site, env: Dict[str, str], progress: Progress, others: bool = False) -> None:
        self._library, self._progress, self._others = library, progress, others
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        self._env = {**env, "R_LIBS": library.root, "MAKEFLAGS": env.get("MAKEFLAGS", jobs)}
        self._current: Optional[Dict[str, str]] = None
        self._mirrors: List[repositories.Mirrors] = []
        self.in_apt = bspm.available(self._env)

    @property
    def mirrors(self) -> repositories.Mirrors:
        """Where this image's R looks; asked once."""
        if not self._mirrors:
            self._mirrors.append(repositories.mirrors(self._env)._replace(others=self._others))
        return self._mirrors[0]

    def current(self) -> Dict[str, str]:
        """Return what CRAN and Bioconductor have now; asked once, and nothing where they do not answer."""
        if self._current is None:
            try:
                self._current = repositories.all_current(self.mirrors)
            except PackageUnavailable:
                self._current = {}
        return self._current

    def missing(self, entries: Sequence[Json]) -> Failures:
        """Return why sources cannot be had, before anything is fetched."""
        try:
            return r_settle.missing(entries, self.mirrors, self._env) if entries else {}
        except PackageUnavailable as error:
            return {entry["name"]: str(error) for entry in entries}

    def install(self, entries: Sequence[Json], there: Set[str]) -> Failures:
        """Install packages at their versions.

        Args:
            entries: wanted.
            there: names of what is installed already, in whichever version.

        Returns:
            Why the others cannot be had, by name.
        """
        chosen = ways(entries, self.in_apt)
        failures = self._by_apt(chosen.apt)
        again = [entry for entry in chosen.apt if entry["name"] in failures]
        for entry in chosen.apt:
            if entry["name"] not in failures:
                self._progress.done()
        self._unlock({entry["name"] for entry in entries})
        for entry in chosen.kept:
            failures.update(self._one(entry, lambda entry=entry: self._kept(entry)))  # type: ignore[misc]
        for entry in again:
            del failures[entry["name"]]
        good = there | {entry["name"] for entry in entries if entry["name"] not in failures}
        return {**failures, **self._by_source(chosen.source + again, good)}

    def _one(self, entry: Json, action: Callable[[], None]) -> Failures:
        try:
            action()
        except PackageUnavailable as error:
            return {entry["name"]: str(error)}
        finally:
            self._progress.done()
        return {}

    def _by_apt(self, entries: Sequence[Json]) -> Failures:
        if not entries:
            return {}
        names = [entry["name"] for entry in entries]
        self._progress.doing(f"{len(names)} R packages as binaries through apt")
        why = "apt did not install it"
        try:
            bspm.install(self._env, names, lambda line: self._progress.doing("apt: " + line.strip(), line=False))
        except PackageUnavailable as error:
            why = f"apt: {error}"
        failures = {}
        for entry in entries:
            found = next((one for one in map(r.read, self._in_system(entry["name"])) if one), None)
            if found is None or not same_version(found["Version"], entry["version"]):
                failures[entry["name"]] = why
            else:
                self._remove_own(entry["name"])  # another version there would win
        return failures

    @staticmethod
    def _in_system(name: str) -> List[str]:
        return [os.path.join("/usr/lib/R", library, name) for library in ("site-library", "library")]

    def _remove_own(self, name: str) -> None:
        path = os.path.join(self._library.root, name)
        if os.path.isdir(path):
            # Gone at once or there as a whole.
            aside = tempfile.mkdtemp(prefix=".melda-env-", dir=self._library.root)
            os.rename(path, os.path.join(aside, name))
            shutil.rmtree(aside, ignore_errors=True)

    def _unlock(self, names: Set[str]) -> None:
        """Clear away what an installation left that was interrupted, unless one runs."""
        if os.path.isdir(self._library.root) and not installs():
            left = [one for one in os.listdir(self._library.root) if one.startswith("00LOCK")]
            if any(one == "00LOCK" or one[len(r_library.LOCK) :] in names for one in left):
                r_library.repair(self._library.root)

    def _command(self, entry: Json, path: str) -> None:
        def say(line: str) -> None:
            self._progress.doing("{0} {1}: {2}".format(entry["name"], entry["version"], line.strip()), line=False)

        command = ["R", "CMD", "INSTALL", "--no-docs", "--library=" + self._library.root, path]
        done = tools.run(command, self._env, say)
        found = r.read(os.path.join(self._library.root, entry["name"]))
        if done.code or found is None or entry["version"] not in ("", found["Version"]):
            raise PackageUnavailable(why(done.output))

    def _kept(self, entry: Json) -> None:
        built = f"_R{self._library.version}_{self._library.architecture}.tar.gz"
        if not entry["file"]["name"].endswith(built):
            raise PackageUnavailable(
                "the copy that was kept is for another R or machine: {0}".format(entry["file"]["name"])
            )
        self._progress.doing("{0} {1}: from the copy that was kept".format(entry["name"], entry["version"]))
        self._command(entry, kept(self._library.files, entry))

    def _by_source(self, entries: Sequence[Json], good: Set[str]) -> Failures:
        if not entries:
            return {}
        failures: Failures = {}
        entries = list(entries)
        with tempfile.TemporaryDirectory(prefix="melda-env-r-") as folder:
            found: Dict[str, str] = {}
            needs: Dict[str, Set[str]] = {}
            for number, entry in enumerate(entries):  # which grows
                name = entry["name"]
                self._progress.doing("{0} {1}: fetching its source".format(name, entry["version"]), line=False)
                inside = os.path.join(folder, str(number))
                os.mkdir(inside)
                try:
                    found[name], fields = sources.get(entry, self.mirrors, inside, self._env)
                    needs[name] = set(r.needs(fields)) - BASE
                    entries += self._needed(needs[name] - good - {one["name"] for one in entries})
                except PackageUnavailable as error:
                    failures[name] = str(error)
                    self._progress.done()
            wanted = [entry for entry in entries if entry["name"] in found]
            self._bring(sorted({one for some in needs.values() for one in some} - good - found.keys()))
            for entry in ordered(wanted, needs):
                name = entry["name"]
                missing = sorted(needs[name] & failures.keys())
                if missing:
                    failures[name] = "it needs {0}, which cannot be had".format(", ".join(missing))
                    self._progress.done()
                    continue
                self._progress.doing("{0} {1}: installing from source".format(name, entry["version"]))
                failures.update(self._one(entry, lambda entry=entry: self._command(entry, found[entry["name"]])))  # type: ignore[misc]
        return failures

    def _needed(self, names: Set[str]) -> List[Json]:
        """Return what is needed and neither in the file nor in apt, in the version that CRAN has now."""
        names = {name for name in names if name.lower() not in self.in_apt}
        current = self.current() if names else {}
        source = {"type": "cran", "repository": "CRAN"}
        return [{"name": name, "version": current[name], "source": source} for name in sorted(names & current.keys())]

    def _bring(self, names: Sequence[str]) -> None:
        """Return what is needed and not in the file (others' leave out what is everywhere with them), in apt's version."""
        wanted = [name for name in names if name.lower() in self.in_apt]
        if wanted:
            self._progress.doing("needed besides, through apt: {0}".format(", ".join(wanted)))
            try:
                bspm.install(self._env, wanted, lambda line: self._progress.doing("apt: " + line.strip(), line=False))
            except PackageUnavailable as error:
                self._progress.say(f"not installed: {error}")

    def remove(self, entries: Sequence[Json]) -> None:
        """Remove packages beyond the image.

        Raises:
            PackageUnavailable: apt failed.
        """
        through_apt = [entry["name"] for entry in entries if entry["source"]["type"] == "apt"]
        for entry in entries:
            if entry["source"]["type"] != "apt":
                self._remove_own(entry["name"])
        if through_apt:
            bspm.remove(self._env, through_apt, lambda line: None)

    def versions(self, name: str) -> List[str]:
        """Return the versions of a package that CRAN has; nothing where it does not answer."""
        try:
            return repositories.versions(name, self.mirrors)
        except PackageUnavailable:
            return []

    def nearest(self, entry: Json) -> str:
        """Return the version nearest to the captured one that can be had; empty if there is none.

        Of what was from a file or a folder there is none: CRAN may have a stranger's package of that name.
        """
        if entry["source"]["type"] not in r_settle.REPOSITORIES:
            return ""
        there = self.versions(entry["name"])
        there += [self.in_apt[name] for name in [entry["name"].lower()] if name in self.in_apt]
        return nearest.of_r(entry["version"], there)


def installs(proc: str = "/proc") -> bool:
    """Return whether somebody installs R packages right now."""
    for number in os.listdir(proc):
        if number.isdigit():
            try:
                with open(os.path.join(proc, number, "cmdline"), "rb") as stream:
                    words = stream.read(4096).split(b"\0")
            except OSError:
                continue
            if b"INSTALL" in words or any(b"tools:::.install_packages" in word for word in words):
                return True
    return False


def why(said: str) -> str:
    """Why R CMD INSTALL gave up, in one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("ERROR", "Error")) or "error:" in line or "Error 1" in line]
    return "R CMD INSTALL: {0}".format(hide((told or lines or ["no reason given"])[0])[:300])
