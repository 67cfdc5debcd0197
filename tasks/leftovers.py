"""Nothing that was only needed while provisioning stays, not even after a run that was killed."""

from __future__ import annotations

import shlex
from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation


class Leftovers(FactBase[List[str]]):
    """Paths that a killed run left."""

    def command(self) -> str:
        return "ls -d /tmp/melda-jupyter.* 2>/dev/null || true"

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return [line for line in output if line.startswith("/tmp/melda-jupyter.")]


@operation()
def removed() -> Generator[StringCommand, None, None]:
    """Remove what a killed run left."""
    found = host.get_fact(Leftovers)
    if found:
        yield StringCommand("rm -rf " + " ".join(shlex.quote(path) for path in found))


@deploy("Leftovers")
def leftovers() -> None:
    removed(name="Remove what a killed run left")
