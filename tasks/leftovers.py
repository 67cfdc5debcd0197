"""Nothing that was only needed while provisioning stays, not even after a run that was killed."""

from __future__ import annotations

import shlex
from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import facts

# Uploads, and files that did not get their name yet.
PATTERNS = (
    "/tmp/melda-jupyter.*",
    "/etc/*.melda-new",
    "/etc/*/*.melda-new",
    "/etc/*/*/*.melda-new",
    "/root/.ssh/*.melda-new",
    "/usr/local/share/melda-jupyter/*.melda-new",
    "/usr/local/share/ca-certificates/*.melda-new",
)


class Leftovers(FactBase[List[str]]):
    """Paths that a killed run left."""

    def command(self, src: str, env: str) -> str:
        below = (
            src,
            src + "/*",
            src + "/*/*",
            src + "/*/*/*",
            env + "/lib/python3*/site-packages",
            env + "/share/jupyter/kernels/*",
        )
        patterns = PATTERNS + tuple(folder + "/*.melda-new" for folder in below)
        return "ls -d {0} 2>/dev/null || true".format(" ".join(patterns))

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return [line for line in output if line.startswith("/tmp/melda-jupyter.") or line.endswith(".melda-new")]


@operation()
def removed(src: str, env: str) -> Generator[StringCommand, None, None]:
    """Remove what a killed run left, also below ``src`` and in the virtual environment ``env``."""
    found = facts.get(Leftovers, src=src, env=env)
    if found:
        yield StringCommand("rm -rf " + " ".join(shlex.quote(path) for path in found))


@deploy("Leftovers")
def leftovers() -> None:
    removed(name="Remove what a killed run left", src=host.data.src, env=host.data.python_env)
