"""The program of the image, which start-jupyter, set-paths, get-versions and the others start: files/runtime/src."""

from __future__ import annotations

from typing import List

from melda.base.paths import SHARE, STATE, SUPPORT_ENDS
from melda.launchers import PROGRAMS
from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.facts.files import UnlistedFiles
from tasks.lib.managed_files import ManagedFile, tree
from tasks.lib.release import target
from tasks.operations import apt, managed_files
from tasks.releases import Release
from tasks.settings import deploy

# What people and Docker call by name.
COMMANDS = ("get-versions", "healthcheck", "melda-env", "set-paths", "start-jupyter")
PACKAGE = "melda"
# What earlier versions had beside it. Nothing else at the top is removed: $SRC may be any folder.
FORMER = (
    "melda_bspm", "melda_environment", "melda_firewall", "melda_persistence", "melda_runtime", "melda_server", "melda_units",
    "jupyter_notebook.py", "keep-plugins", "version_check_webservice.py", "requirements.in", "__pycache__",
)  # fmt: skip


def support_ends(release: Release) -> List[ManagedFile]:
    """Say what start-jupyter is told of the distribution below it, and where it keeps what a restart must find."""
    content = f"{release.distribution} {release.version} {release.support_ends}\n"
    return [ManagedFile(STATE, mode="755"), ManagedFile(SHARE, mode="755"), ManagedFile(SUPPORT_ENDS, content.encode())]


@deploy("Runtime")
def runtime() -> None:
    src = host.data.src
    apt.packages(name="Install what the runtime calls", packages=PACKAGES["runtime"])
    # A copy of the launcher for each: who looks at a program of ours sees its owner and mode, not those of a link.
    programs = tree("runtime/src", src, ("launch", *PROGRAMS))
    managed_files.put(name="Install the runtime's programs", entries=[*programs, *support_ends(target().release)])
    # An image committed by pyinfra has no PATH of ours, and must start by name all the same.
    managed_files.put(
        name="Put the commands on everybody's PATH",
        entries=[ManagedFile(f"/usr/local/bin/{name}", link=f"{src}/{name}") for name in COMMANDS],
    )
    managed_files.found_absent(
        name="Remove the programs that the project no longer has",
        fact=UnlistedFiles,
        folder=src,
        names=(PACKAGE, *FORMER),
        listed=tuple(entry.path for entry in programs),
    )
