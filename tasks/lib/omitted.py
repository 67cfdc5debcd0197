"""What was left out because its source did not answer, kept on the target where the image's label is read from."""

from __future__ import annotations

import shlex
from typing import List

from pyinfra import host
from pyinfra.api import StringCommand

from tasks.lib import facts, files
from tasks.lib.progress import say
from tasks.lib.workplace import refuse

PATH = "/usr/local/share/melda-jupyter/omitted"


def lines() -> List[str]:
    """What is recorded, a line each: ``name: reason``."""
    return files.text(PATH).strip().splitlines()


def foresee() -> None:
    """Say, while a run is prepared, that it will be asked for."""
    facts.foresee(files.Texts, [PATH])


def _write(recorded: List[str]) -> StringCommand:
    if not recorded:
        return StringCommand("rm -f " + PATH)
    return StringCommand(
        "mkdir -p {0} && printf '%s\\n' {1} > {2}.melda-new && mv -f {2}.melda-new {2}".format(
            PATH.rsplit("/", 1)[0], " ".join(shlex.quote(line) for line in sorted(recorded)), PATH
        )
    )


def leave_out(name: str, reason: str) -> List[StringCommand]:
    """The commands that record ``name`` as left out, none if it is recorded already; with ``strict`` one that fails."""
    line = "{0}: {1}".format(name, reason)
    if host.data.get("strict"):
        return [refuse("strict=True and {0} would be left out: {1}".format(name, reason))]
    say("left out: {0}".format(line))
    others = [other for other in lines() if not other.startswith(name + ": ")]
    return [] if line in lines() else [_write(others + [line])]


def put_back(name: str) -> List[StringCommand]:
    """The commands that remove the record of ``name``, none if there is none."""
    recorded = lines()
    others = [other for other in recorded if not other.startswith(name + ": ")]
    return [] if len(others) == len(recorded) else [_write(others)]
