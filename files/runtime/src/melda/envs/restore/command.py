"""melda-env restore."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional

from melda.config import environ
from melda.envs import addresses, capture, document, formats
from melda.envs.capture.pack import ENDING
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import plan as plans
from melda.envs.restore import python, r, tools, web
from melda.envs.restore.progress import Progress
from melda.plugins import set_paths, state

Json = Dict[str, Any]
UNAVAILABLE = 1
PATIENCE = 60.0  # seconds for the project's packages to come from the bucket


class Options(NamedTuple):
    """What was asked for.

    Attributes:
        attached: only what notebooks had loaded.
        allow_version_change: go on with another Python or R.
        prune: remove what the file does not name.
        dry_run: only say what would be done.
    """

    attached: bool = False
    allow_version_change: bool = False
    prune: bool = False
    dry_run: bool = False


DEFAULTS = Options()


class Problem(NamedTuple):
    """A package that cannot be had, why, and the nearest version that can (empty: none)."""

    kind: str
    name: str
    version: str
    reason: str
    nearest: str

    def line(self) -> str:
        """For a reader."""
        near = f"; nearest to be had: {self.nearest}" if self.nearest else ""
        what = " ".join(word for word in (plans.NAMES[self.kind], self.name, self.version) if word)
        return f"{what}: {self.reason}{near}"


class Outcome(NamedTuple):
    """How it went: how many were installed, how many were there, and which cannot be had."""

    installed: int
    there: int
    problems: List[Problem]

    def as_json(self) -> Json:
        """For a program."""
        return {**self._asdict(), "problems": [problem._asdict() for problem in self.problems]}


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
            self._wait()
            here = capture.capture(self._place)
            if self._options.attached:
                self._wanted = plans.attached(self._wanted, self._path)
            for line in plans.check_versions(self._wanted, here, self._options.allow_version_change):
                self._progress.say(line)
            early = self._resolve(here)
            outcome = self._follow(plans.make(self._wanted, here), here, early)
            shutil.rmtree(tools.packages(self._place), ignore_errors=True)
            return outcome

    def _wait(self) -> None:
        """What this project has in its bucket comes first, and is not installed a second time."""
        deadline = time.monotonic() + PATIENCE
        if os.path.exists(state.RESTORING):
            self._progress.doing("waiting for the project's own packages")
        while os.path.exists(state.RESTORING) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _site(self, here: Json) -> python.Site:
        version = here["python"]["version"]
        return python.Site(self._place, version, set_paths.plugins(self._place).python, self._files)

    def _installer(self, here: Json) -> python.Installer:
        if self._python is None:
            self._python = python.Installer(self._site(here), self._env, self._progress.doing)
        return self._python

    def _resolve(self, here: Json) -> List[Problem]:
        """Requirements without exact versions become exact ones."""
        loose = self._wanted.get(formats.OPEN, [])
        if not loose:
            return []
        try:
            installer = self._installer(here)
        except PackageUnavailable as error:
            return [Problem("python", one, "", str(error), "") for one in loose]
        pinned = [
            "{0}=={1}".format(one["name"], one["version"])
            for one in self._wanted["python"]["packages"]
            if one["version"]
        ]
        found, why = installer.resolve([*loose, *pinned], here["python"]["image"])
        if why is not None:
            return [Problem("python", one, "", why, "") for one in loose]
        named = {entry["name"] for entry in self._wanted["python"]["packages"]}
        packages = self._wanted["python"]["packages"] + [one for one in found if one["name"] not in named]
        self._wanted = {**self._wanted, "python": {**self._wanted["python"], "packages": packages}}
        return []

    def _follow(self, plan: plans.Plan, here: Json, problems: List[Problem]) -> Outcome:
        chosen = r.Ways([], [], [])
        if plan.r or (self._options.prune and plan.extra_r):
            library = r.Library(
                self._place,
                set_paths.plugins(self._place).r,
                self._files,
                here["r"]["version"],
                here["system"]["architecture"],
            )
            self._r = r.Installer(library, self._env, self._progress)
            chosen = r.ways(plan.r, self._r.in_apt)
        for line in plans.lines(plan, chosen.apt, chosen.source, self._options.prune):
            self._progress.say(line)
        if self._options.dry_run:
            return Outcome(0, plan.there, problems)
        self._progress.start(len(plan.python) + len(plan.r))
        problems = problems + self._do_python(plan, here) + self._do_r(plan, here)
        if self._options.prune:
            problems += self._prune(plan, here)
        problems = [problem._replace(reason=addresses.hide(problem.reason)) for problem in problems]
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
            return [Problem("python", one["name"], one["version"], str(error), "") for one in plan.python]
        failures = installer.install(plan.python)
        self._progress.done(len(plan.python))
        by_name = {entry["name"]: entry for entry in plan.python}
        return [
            Problem("python", name, by_name[name]["version"], why, installer.nearest(by_name[name]))
            for name, why in sorted(failures.items())
        ]

    def _do_r(self, plan: plans.Plan, here: Json) -> List[Problem]:
        if not plan.r or self._r is None:
            return []
        set_paths.in_project(self._place, set_paths.plugins(self._place), repair=False)
        there = {*here["r"]["image"], *(entry["name"] for entry in here["r"]["packages"])}
        failures = self._r.install(plan.r, there)
        by_name = {entry["name"]: entry for entry in plan.r}
        return [
            Problem("r", name, by_name[name]["version"], why, self._r.nearest(by_name[name]))
            for name, why in sorted(failures.items())
        ]

    def _prune(self, plan: plans.Plan, here: Json) -> List[Problem]:
        problems = []
        try:
            if plan.extra_python:
                self._installer(here).remove([entry["name"] for entry in plan.extra_python])
        except PackageUnavailable as error:
            problems.append(Problem("python", "", "", f"not removed: {error}", ""))
        try:
            if plan.extra_r and self._r is not None:
                self._r.remove(plan.extra_r)
        except PackageUnavailable as error:
            problems.append(Problem("r", "", "", f"not removed: {error}", ""))
        return problems


def restore(
    place: environ.ImageLayout,
    path: str,
    options: Options = DEFAULTS,
    progress: Optional[Progress] = None,
) -> Outcome:
    """Make this container match a file; as the user, never as root.

    Args:
        place: of the container.
        path: a capture, requirements.txt, pylock.toml, renv.lock or the text of sessionInfo().
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


def in_project(folder: str) -> str:
    """Return the capture of another project: what was installed last, else what its user has captured.

    Raises:
        UsageError: it has none.
    """
    names = (os.path.join(state.PROJECT_STATE, state.CAPTURE), capture.NAME)
    found = [path for path in (os.path.join(folder, name) for name in names) if os.path.isfile(path)]
    if not found:
        raise UsageError(f"invalid --from-project={folder!r}: no {capture.NAME} is in it; melda-env capture writes it")
    return found[0]


def run(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """Return the command: exit code 0 if all is as the file says, 1 if something cannot be had.

    Raises:
        UsageError: the request is invalid.
    """
    if bool(asked.file) == bool(asked.from_project):
        raise UsageError("restore takes FILE or --from-project=FOLDER")
    path = asked.file or in_project(asked.from_project)
    options = Options(asked.attached, asked.allow_version_change, asked.prune, asked.dry_run)
    outcome = restore(place, path, options, Progress(sys.stderr if asked.json else None))
    if asked.json:
        sys.stdout.write(json.dumps(outcome.as_json(), indent=1) + "\n")
        return UNAVAILABLE if outcome.problems else 0
    if not asked.dry_run:
        lines = [f"{outcome.installed} packages installed, {outcome.there} were there already"]
        if outcome.problems:
            lines.append(f"{len(outcome.problems)} cannot be had:")
            lines += ["  " + problem.line() for problem in outcome.problems]
        sys.stdout.write("".join(line + "\n" for line in lines))
    return UNAVAILABLE if outcome.problems else 0
