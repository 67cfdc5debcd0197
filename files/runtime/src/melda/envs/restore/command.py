"""melda-env restore."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import Dict, List, Optional

from melda.base.addresses import hide
from melda.config import environ
from melda.envs import Json, capture, document, formats
from melda.envs.capture.copies import in_project
from melda.envs.capture.pack import ENDING
from melda.envs.errors import UNAVAILABLE, PackageUnavailable, UsageError
from melda.envs.formats.reading import LIMITS, NOTES, WANTS
from melda.envs.restore import plan as plans
from melda.envs.restore import python, python_settle, r, r_settle, tools, web
from melda.envs.restore.plan import DEFAULTS, Options, Outcome, Problem
from melda.envs.restore.progress import Progress, printable
from melda.envs.restore.resolve import name_of
from melda.plugins import set_paths

__all__ = ["DEFAULTS", "Options", "Outcome", "Problem", "Restore", "in_project", "restore", "run"]
MOST_NEAREST = 20  # packages of which the nearest version is asked for


class Restore:
    """Makes a container match a file.

    Args:
        place: of the container.
        wanted: a capture, or what another format says, checked.
        path: of the file; what was kept lies beside it.
        options: what was asked for.
        progress: is told what happens.
    """

    def __init__(
        self, place: environ.ImageLayout, wanted: Json, path: str, options: Options, progress: Progress
    ) -> None:
        self._place, self._wanted, self._path, self._options = place, wanted, path, options
        self._progress = progress
        self._env = tools.variables(place)
        web.adopt(self._env)
        self._files = os.path.abspath(path) + ENDING
        self._python: Optional[python.Installer] = None
        self._r: Optional[r.Installer] = None

    def run(self) -> Outcome:
        """Do it.

        Raises:
            UsageError: it is invalid, or another one runs; nothing was changed.
            OSError: a folder of the user's cannot be written.
        """
        with tools.alone(tools.cache(self._place)):
            self._progress.wait_for_own()
            here = plans.without(capture.capture(self._place), self._options.again)
            if self._options.attached:
                self._wanted = plans.attached(self._wanted, self._path)
            for line in plans.check_versions(self._wanted, here, self._options.allow_version_change):
                self._progress.say(line)
            for line in self._wanted.get(NOTES, []):
                self._progress.say(line)
            try:
                early = [Problem(**one) for one in self._wanted.get(document.PROBLEMS, [])]
                early += [*self._absent(here), *self._settle_python(here), *self._settle_r(here)]
                outcome = self._follow(plans.make(self._wanted, here), here, early)
            finally:
                if self._python is not None:
                    self._python.close()
            shutil.rmtree(tools.packages(self._place), ignore_errors=True)
            return outcome

    def _absent(self, here: Json) -> List[Problem]:
        """Return packages of a language that is not here."""
        problems = []
        for kind, name in plans.NAMES.items():
            if self._wanted[kind]["packages"] and not here[kind]["version"]:
                problems += _each(kind, self._wanted[kind]["packages"], f"this container has no {name}")
                self._replace(kind, [])
        return problems

    def _replace(self, kind: str, packages: List[Json]) -> None:
        self._wanted = {**self._wanted, kind: {**self._wanted[kind], "packages": packages}}

    def _site(self, here: Json) -> python.Site:
        version = here["python"]["version"]
        return python.Site(self._place, version, set_paths.plugins(self._place).python, self._files)

    def _installer(self, here: Json) -> python.Installer:
        if self._python is None:
            self._python = python.Installer(self._site(here), self._env, self._progress.doing)
        return self._python

    def _settle_python(self, here: Json) -> List[Problem]:
        """Make requirements exact versions, with all that they need; what is from an address is fetched."""
        wants = self._wanted.get(WANTS)
        missing = plans.missing(self._wanted, here, "python")
        if not missing and not wants:
            return []
        try:
            installer = self._installer(here)
            if wants and not missing and installer.satisfied(_asked(wants), here):
                return []
            found, lost = python_settle.settle(
                installer, self._wanted, here, {one["name"] for one in missing}, self._options.dry_run
            )
        except PackageUnavailable as error:
            names = {name_of(one): "" for one in (wants or {}).get("requirements", [])}
            names.update({one["name"]: one["version"] for one in missing})
            self._replace("python", [one for one in self._wanted["python"]["packages"] if one["name"] not in names])
            return [Problem("python", *item, str(error)) for item in sorted(names.items())]
        listed = self._wanted["python"]["packages"]
        self._replace("python", found)
        return self._with_nearest(lost, installer, listed)

    @staticmethod
    def _with_nearest(problems: List[Problem], installer: python.Installer, entries: List[Json]) -> List[Problem]:
        """Name the nearest versions, of a few; the index may have a stranger's by the name of what came from elsewhere."""
        others = {entry["name"] for entry in entries if entry["source"]["type"] != "index"}
        asked = {one.name for one in [one for one in problems if one.name not in others][:MOST_NEAREST]}
        return [
            one._replace(nearest=installer.nearest(one.name, one.version)) if one.name in asked else one
            for one in problems
        ]

    def _settle_r(self, here: Json) -> List[Problem]:
        """R packages without a version get one, and R's own names."""
        limits = dict(self._wanted.get(LIMITS, {}))
        other = r_settle.other_r(limits.pop("R", ()), here["r"]["version"])
        problems = [Problem("r", "R", "", other)] if other else []
        if not plans.missing(self._wanted, here, "r") and not limits:
            return problems
        there = {**here["r"]["image"], **{one["name"]: one["version"] for one in here["r"]["packages"]}}
        installer = self._r_installer(here)
        known = r_settle.Known(there, installer.in_apt, installer.current, installer.versions)
        found, failures = r_settle.settle(self._wanted["r"]["packages"], limits, known)
        self._replace("r", found)
        return problems + [Problem("r", name, "", why) for name, why in failures.items()]

    def _r_installer(self, here: Json) -> r.Installer:
        if self._r is None:
            root, system = set_paths.plugins(self._place).r, here["system"]
            library = python.Site(self._place, here["r"]["version"], root, self._files, system["architecture"])
            self._r = r.Installer(library, self._env, self._progress, self._options.allow_repositories)
        return self._r

    def _follow(self, plan: plans.Plan, here: Json, problems: List[Problem]) -> Outcome:
        chosen = r.Ways([], [], [])
        if plan.r or (self._options.prune and plan.extra_r):
            chosen = r.ways(plan.r, self._r_installer(here).in_apt)
        for line in plans.lines(plan, chosen.apt, chosen.source, self._options.prune):
            self._progress.say(line)
        if self._options.dry_run:
            problems = problems + self._r_problems(plan, self._r.missing(chosen.source) if self._r else {})
            return Outcome(0, plan.there, [one._replace(reason=hide(one.reason)) for one in problems])
        self._progress.start(len(plan.python) + len(plan.r))
        problems = problems + self._do_python(plan, here) + self._do_r(plan, here)
        if self._options.prune:
            problems += self._prune(plan, here)
        problems = [problem._replace(reason=hide(problem.reason)) for problem in problems]
        self._progress.end()
        failed = {(problem.kind, problem.name) for problem in problems}
        todo = [("python", entry["name"]) for entry in plan.python] + [("r", entry["name"]) for entry in plan.r]
        return Outcome(len([one for one in todo if one not in failed]), plan.there, problems)

    def _do_python(self, plan: plans.Plan, here: Json) -> List[Problem]:
        if not plan.python:
            return []
        # A folder, even where the container was started without start-jupyter.
        set_paths.in_project(self._place, set_paths.plugins(self._place), repair=False)
        try:
            installer = self._installer(here)
        except PackageUnavailable as error:
            return _each("python", plan.python, str(error))
        before = installer.unmet()
        failures = installer.install(plan.python)
        self._progress.done(len(plan.python))
        version = {entry["name"]: entry["version"] for entry in plan.python}
        problems = [Problem("python", name, version[name], why) for name, why in sorted(failures.items())]
        return self._with_nearest(problems, installer, plan.python) + self._unmet(installer, before, failures)

    def _unmet(self, installer: python.Installer, before: python.Unmet, failures: Dict[str, str]) -> List[Problem]:
        """Return what pip check says now, and did not say before. A snapshot was so where it was taken: it is only said."""
        asked = {name_of(one) for one in _asked(self._wanted.get(WANTS, {}))} - failures.keys()
        broken = installer.not_importable(asked)  # before the question what is unmet: it may install what is imported
        new = {key: why for key, why in installer.unmet().items() if key not in before and key[0] not in failures}
        if WANTS in self._wanted:
            failed = {name: f"installed, but it {why}" for (name, _), why in new.items()}
            failed.update({name: f"installed, but {why}" for name, why in broken.items()})
            return [Problem("python", name, "", why) for name, why in sorted(failed.items())]
        for (name, _), why in new.items():
            self._progress.say(f"{name} {why}" + ("" if self._options.allow_version_change else ", as in the snapshot"))
        return []

    def _do_r(self, plan: plans.Plan, here: Json) -> List[Problem]:
        if not plan.r or self._r is None:
            return []
        set_paths.in_project(self._place, set_paths.plugins(self._place), repair=False)
        there = {*here["r"]["image"], *(entry["name"] for entry in here["r"]["packages"])}
        failures = self._r.install(plan.r, there)
        return self._r_problems(plan, failures)

    def _r_problems(self, plan: plans.Plan, failures: Dict[str, str]) -> List[Problem]:
        by_name = {entry["name"]: entry for entry in plan.r}
        found = []
        for number, (name, why) in enumerate(sorted(failures.items())):
            entry = by_name.get(name)
            near = self._r.nearest(entry) if self._r and entry and number < MOST_NEAREST else ""
            found.append(Problem("r", name, entry["version"] if entry else "", why, near))
        return found

    def _prune(self, plan: plans.Plan, here: Json) -> List[Problem]:
        problems = []
        try:
            if plan.extra_python:
                self._installer(here).remove([entry["name"] for entry in plan.extra_python])
        except PackageUnavailable as error:
            problems.append(Problem("python", "", "", f"not removed: {error}"))
        try:
            if plan.extra_r and self._r is not None:
                self._r.remove(plan.extra_r)
        except PackageUnavailable as error:
            problems.append(Problem("r", "", "", f"not removed: {error}"))
        return problems


def _each(kind: str, entries: List[Json], why: str) -> List[Problem]:
    """Return that each of these cannot be had, all for one reason."""
    return [Problem(kind, one["name"], one["version"], why) for one in entries]


def _asked(wants: Json) -> List[str]:
    """Return the requirements of a file, those at addresses without them."""
    direct = ["{0}[{1}]".format(name, ",".join(extras)) for name, extras in wants.get("direct", {}).items()]
    return [*wants.get("requirements", ()), *direct]


def restore(
    place: environ.ImageLayout,
    path: str,
    options: Options = DEFAULTS,
    progress: Optional[Progress] = None,
) -> Outcome:
    """Make this container match a file; as the user, never as root.

    Args:
        place: of the container.
        path: a capture, or a file of another format, see formats/__init__.py.
        options: what is asked for.
        progress: is told what happens; standard output if None.

    Returns:
        How it went. What cannot be had is in there; the rest is installed.

    Raises:
        UsageError: the file, or the request, is invalid; nothing was changed.
    """
    wanted = formats.parse(document.read_text(path), path)
    try:
        return Restore(place, wanted, path, options, progress or Progress()).run()
    except OSError as error:
        raise UsageError("{0}: {1}".format(error.filename or "the project", error.strerror or error)) from None


def run(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """Return the command: exit code 0 if all is as the file says, 1 if something cannot be had.

    Raises:
        UsageError: the request is invalid.
    """
    if bool(asked.file) == bool(asked.from_project):
        raise UsageError("invalid request: expected either FILE or --from-project=FOLDER")
    path = asked.file or in_project(asked.from_project)
    options = Options(asked.attached, asked.allow_version_change, asked.prune, asked.dry_run, asked.allow_repositories)
    outcome = restore(place, path, options, Progress(sys.stderr if asked.json else None))
    if asked.json:
        sys.stdout.write(json.dumps(outcome.as_json(), indent=1) + "\n")
        return UNAVAILABLE if outcome.problems else 0
    lines = [] if asked.dry_run else [f"{outcome.installed} packages installed, {outcome.there} were there already"]
    if outcome.problems:
        lines.append(f"{len(outcome.problems)} cannot be had:")
        lines += ["  " + printable(problem.line()) for problem in outcome.problems]
    sys.stdout.write("".join(line + "\n" for line in lines))
    return UNAVAILABLE if outcome.problems else 0
