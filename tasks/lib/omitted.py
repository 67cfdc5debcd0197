"""What was skipped because its source did not answer, kept on the target where the image's label is read from."""

from __future__ import annotations

import shlex
from typing import List

from melda.base.paths import OMITTED
from pyinfra import host
from pyinfra.api import StringCommand

from tasks.facts.files import FileContents, PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile
from tasks.lib.progress import say
from tasks.lib.staging import refuse

PATH = OMITTED


def lines() -> List[str]:
    """Read what is recorded, a line each: ``name: reason``."""
    return host.get_fact(FileContents, path=PATH).strip().splitlines()


def _as_wanted() -> bool:
    found = host.get_fact(PathStats, paths=[PATH]).get(PATH)
    return not found or found[:4] == ("file", "644", "root", "root")


def _write(recorded: List[str]) -> List[StringCommand]:
    way = list(managed_files.make_way([ManagedFile(PATH, b"")], host.get_fact(PathStats, paths=[PATH])))
    if not recorded:
        return way or [StringCommand("rm -f " + PATH)]
    folder, listed = PATH.rsplit("/", 1)[0], " ".join(shlex.quote(line) for line in sorted(recorded))
    text = f"mkdir -p {folder} && printf '%s\\n' {listed} > {PATH}.melda-new && mv -f {PATH}.melda-new {PATH}"
    return [*way, StringCommand(text)]


def record(name: str, reason: str) -> List[StringCommand]:
    """Say the commands that record ``name`` as skipped, none if it is recorded already; with ``strict`` one that fails."""
    line = f"{name}: {reason}"
    if host.data.get("strict"):
        return [refuse(f"strict=True and {name} would be left out: {reason}")]
    say(f"left out: {line}")
    others = [other for other in lines() if not other.startswith(name + ": ")]
    return [] if line in lines() and _as_wanted() else _write(others + [line])


def clear(name: str) -> List[StringCommand]:
    """Say the commands that remove the record of ``name``, none if there is none."""
    recorded = lines()
    others = [other for other in recorded if not other.startswith(name + ": ")]
    return [] if len(others) == len(recorded) and _as_wanted() else _write(others)
