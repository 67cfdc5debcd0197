"""Who is told what of packages that are carried over: the log, /healthz, terminals, and the cell that misses one."""

from __future__ import annotations

import re
from typing import Collection, Dict, List, Sequence

from melda.base import log
from melda.envs import Json
from melda.envs.restore.plan import NAMES
from melda.envs.restore.progress import Progress, few, printable
from melda.envs.upgrade import checking
from melda.plugins import state
from melda.sync.relocation import TOOLS
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import Failure

THERE = re.compile(r"\d+ packages are (there|left)|the file is of ")
INSTALL = {"python": "%pip install {0}", "r": 'install.packages("{0}")'}


def say(text: str, level: str = log.INFO) -> None:
    """Write a line to the container's log."""
    log.line("upgrade: " + printable(text), level)


def line(text: str, level: str = log.INFO) -> None:
    """Write it to the log, and tell whoever asks /healthz, and terminals."""
    say(text, level)
    state.write(printable(text), state.UPGRADE)


def moves(dues: Collection[Due]) -> str:
    """Return from what to what, for people: Python 3.11.2 to 3.13.5, R 4.2.2 to 4.5.0."""
    pairs = [(one.source.split("-"), one.target.split("-")) for one in dues]
    return ", ".join(f"{source[0]} {source[1]} to {target[1]}" for source, target in pairs)


def _of(kind: str, dues: Collection[Due]) -> str:
    # Of a fork one language may be the same version.
    return moves([one for one in dues if one.target.startswith(NAMES[kind] + "-")]) or "the parent project"


class Missing:
    """The file in which Python and R look up why a package is not there, a line each: kind, name, why."""

    def __init__(self, dues: Collection[Due]) -> None:
        self._dues = list(dues)

    @staticmethod
    def _write(rows: Sequence[Sequence[str]]) -> None:
        lines = ["\t".join(" ".join(printable(cell).split()) for cell in row)[:600] for row in rows]
        state.write("".join(one + "\n" for one in lines)[: state.LARGEST], state.MISSING)

    def _rows(self, packages: Dict[str, List[Json]], text: str, *more: str) -> List[Sequence[str]]:
        return [
            (kind, entry["name"], text.format(_of(kind, self._dues), *more))
            for kind, found in packages.items()
            for entry in found
        ]

    def coming(self, packages: Dict[str, List[Json]], far: str) -> None:
        """Say that these are on their way; ``far`` says how many are here."""
        text = "it is being carried over from {0} ({1} are here): run this again in a while, or see /healthz"
        self._write(self._rows(packages, text, far))

    def failed(self, failures: Sequence[Failure]) -> None:
        """Say that these could not be had; nothing is on its way."""
        text = "version {0} could not be carried over from {1} ({2}); to install it: {3}"
        rows = []
        for one in failures:
            how = INSTALL[one.kind].format(one.name)
            rows.append((one.kind, one.name, text.format(one.version, _of(one.kind, self._dues), one.reason, how)))
        self._write(rows)

    def asked(self, packages: Dict[str, List[Json]]) -> None:
        """UPGRADE=ask: the project had these, and somebody must say that they are carried over."""
        text = "the project had it; it is not carried over from {0} yet: run melda-env upgrade in a terminal"
        self._write(self._rows(packages, text))


def summary(count: int, dues: Collection[Due], failures: Sequence[Failure]) -> str:
    """Return one line of how it went."""
    text = f"{count} packages are carried over from {moves(dues)}"
    unfit = [one for one in failures if one.reason.startswith(checking.DOES_NOT_LOAD)]
    for group, what in (([one for one in failures if one not in unfit], "cannot be had"), (unfit, "do not load")):
        names = [f"{one.name} {one.version}".strip() for one in group]
        if names:
            text += f"; {len(names)} {what}: {few(names)}"
    return text


def left(due: Due, entries: Sequence[str]) -> str:
    """Return one line of what belongs to no package, and is not taken over."""
    tools = [entry[len(TOOLS) + 1 :] for entry in entries if entry.startswith(TOOLS + "/")]
    others = [entry for entry in entries if not entry.startswith(TOOLS + "/")]
    found = []
    for names, what in ((others, "files or folders of no package stay in {0}, copy them yourself"),
                        (tools, "tools of uv's stay in {0}, install them again (uv tool install NAME)")):  # fmt: skip
        if names:
            found.append(f"{len(names)} {what.format(due.source)}: {few(names)}")
    return "; ".join(found)


def does_not_load(failures: Sequence[Failure]) -> str:
    """Return one line of packages that were taken over as they are, and do not load."""
    names = few([f"{one.name} {one.version}" for one in failures])
    return f"{len(failures)} packages do not load as they were taken over: {names}; {failures[0].reason}"


class Shown(Progress):
    """For a person, but for what is there already: each pass would repeat it."""

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if not THERE.match(text):
            super().say(text)


class Told(Progress):
    """The same for a process that nobody looks at: lines for the log."""

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if not THERE.match(text):
            say(text)

    def doing(self, text: str, line: bool = True) -> None:
        """Write what is done now, if it is worth a line."""
        if line:
            say(text)
