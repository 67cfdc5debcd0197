"""melda-env: what is installed written down, compared, and installed again in another container."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import files


@deploy("Environment")
def environment() -> None:
    src = host.data.src
    files.installed(
        name="Install what makes the same environment for a fork",
        entries=[
            files.Entry(src, mode="755"),
            # uv itself is fetched when it is needed first, checked against this.
            files.Entry("{0}/uv.txt".format(src), files.source("jupyter/uv.txt")),
        ],
    )
