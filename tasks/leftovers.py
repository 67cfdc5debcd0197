"""Nothing that was only needed while provisioning stays, not even after a run that was killed."""

from __future__ import annotations

from typing import List

from melda.base.paths import SHARE
from pyinfra import host

from tasks.facts.files import Leftovers
from tasks.lib import managed_list
from tasks.lib.managed_files import NEW
from tasks.lib.staging import FOLDER
from tasks.operations import managed_files
from tasks.operations import managed_list as operations
from tasks.settings import deploy

# Where a file of ours may not have got its name yet, and where uploads lie.
FOLDERS = (
    "/etc",
    "/etc/*",
    "/etc/*/*",
    "/root/.ssh",
    "/usr/local/bin",
    "/usr/local/share/jupyter/kernels/*",
    "/usr/local/share/jupyter/labextensions/melda-status",
    "/usr/local/share/jupyter/labextensions/melda-status/*",
    *(SHARE + depth for depth in ("", "/*", "/*/*")),
    "/usr/local/share/ca-certificates",
    "/usr/lib/locale",
)
UPLOADS = FOLDER
UPLOADED = "/tmp/melda-jupyter.*"  # over ssh, and facts' own


def patterns(src: str, env: str) -> List[str]:
    """List the shell's patterns of what a killed run leaves."""
    programs = [src + depth for depth in ("", "/*", "/*/*", "/*/*/*")]
    python = [
        env,
        *(env + below for below in ("/lib/python3*/site-packages", "/share/jupyter/kernels/*", "/etc/ipython")),
    ]
    return [UPLOADS, UPLOADED, *(f"{folder}/*{NEW}" for folder in (*FOLDERS, *programs, *python))]


@deploy("Leftovers")
def leftovers() -> None:
    managed_files.found_absent(
        name="Remove what a killed run left",
        fact=Leftovers,
        patterns=patterns(host.data.src, host.data.python_env),
    )
    if managed_list.begun():
        # The run has done it; it is here for who asks what the run would do.
        operations.former_removed(name="Write down what the project has", whole=True)
