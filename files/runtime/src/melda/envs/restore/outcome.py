"""What restore was asked for, and how it went."""

from __future__ import annotations

from typing import Collection, List, NamedTuple

from melda.envs import Json
from melda.envs.restore import plan as plans


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
        what = " ".join(word for word in (plans.NAMES.get(self.kind, ""), self.name, self.version) if word)
        return f"{what}: {self.reason}{near}"


class Outcome(NamedTuple):
    """How it went: how many were installed, how many were there, and which cannot be had."""

    installed: int
    there: int
    problems: List[Problem]

    def as_json(self) -> Json:
        """For a program."""
        return {**self._asdict(), "problems": [problem._asdict() for problem in self.problems]}
