"""The program of the image, which start-jupyter, set-paths, get-versions and the others start: files/runtime/src."""

from __future__ import annotations

import shlex
from typing import Generator, List, Sequence, Set

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import apt, debian, facts, files  # isort: skip - it makes melda importable
from melda.launchers import PROGRAMS  # isort: skip

# What people and Docker call by name.
COMMANDS = ("get-versions", "healthcheck", "melda-env", "set-paths", "start-jupyter")
PACKAGE = "melda"
# What earlier versions had beside it. Nothing else at the top is removed: $SRC may be any folder.
FORMER = (
    "melda_bspm", "melda_environment", "melda_firewall", "melda_persistence", "melda_runtime", "melda_server", "melda_units",
    "jupyter_notebook.py", "version_check_webservice.py", "requirements.in", "__pycache__",
)  # fmt: skip


class Unlisted(FactBase[Set[str]]):
    """Paths below ``src`` that earlier versions put there, and all of the package, relative to ``src``."""

    def command(self, src: str) -> str:
        return "cd {0} 2>/dev/null && find {1} 2>/dev/null; true".format(shlex.quote(src), " ".join((PACKAGE, *FORMER)))

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        return set(output)


def no_longer_ours(found: Set[str], listed: Set[str]) -> List[str]:
    """Of what was found, what nothing of the project's explains; bytecode belongs to its source.

    Args:
        found: paths relative to ``src``.
        listed: those of the project.
    """
    gone: List[str] = []
    for path in sorted(found - listed):
        folder, _, name = path.rpartition("/")
        above, _, cache = folder.rpartition("/")
        if cache == "__pycache__" and "{0}/{1}.py".format(above, name.split(".", 1)[0]) in listed:
            continue
        if name == "__pycache__" and folder in listed:
            continue
        if not any(path.startswith(other + "/") for other in gone):
            gone.append(path)
    return gone


@operation()
def tidied(src: str, listed: Sequence[str]) -> Generator[StringCommand, None, None]:
    """Remove from the package's folder what the project no longer has: it could still be imported.

    Args:
        src: folder of the programs.
        listed: paths in it that stay.
    """
    gone = no_longer_ours(facts.get(Unlisted, src=src), {path[len(src) + 1 :] for path in listed})
    if gone:
        yield StringCommand("rm -rf " + " ".join(shlex.quote("{0}/{1}".format(src, path)) for path in gone))


@deploy("Runtime")
def runtime() -> None:
    src = host.data.src
    apt.installed(name="Install what the runtime calls", packages=debian.PACKAGES["runtime"])
    # A copy of the launcher for each: who looks at a program of ours sees its owner and mode, not those of a link.
    programs = files.tree("runtime/src", src, ("launch", *PROGRAMS))
    files.installed(
        name="Install the runtime's programs",
        entries=programs
        # An image committed by pyinfra has no PATH of ours, and must start by name all the same.
        + [files.Entry("/usr/local/bin/" + name, link="{0}/{1}".format(src, name)) for name in COMMANDS],
    )
    tidied(
        name="Remove the programs that the project no longer has", src=src, listed=[entry.path for entry in programs]
    )
