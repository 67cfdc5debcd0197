"""melda-env: what is installed written down, compared, and installed again in another container."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import files

NAME = "melda-env"


@deploy("Environment")
def environment() -> None:
    src = host.data.src
    files.installed(
        name="Install what makes the same environment for a fork",
        entries=[
            *files.tree("environment", src, (NAME, "copy-fork", "restore-fork")),
            # uv itself is fetched when it is needed first, checked against this.
            files.Entry("{0}/uv.txt".format(src), files.source("jupyter/uv.txt")),
            # An image committed by pyinfra has no PATH of ours.
            files.Entry("/usr/local/bin/" + NAME, link="{0}/{1}".format(src, NAME)),
        ],
    )
