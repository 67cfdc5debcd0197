"""melda-env: what is installed written down, compared, and installed again in another container."""

from __future__ import annotations

from pyinfra import host

from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import managed_files
from tasks.settings import deploy


@deploy("Environment snapshots")
def envs() -> None:
    src = host.data.src
    managed_files.put(
        name="Install what makes the same environment for a fork",
        entries=[
            ManagedFile(src, mode="755"),
            # uv itself is fetched when it is needed first, checked against this.
            ManagedFile(f"{src}/uv.txt", source("jupyter/uv.txt")),
        ],
    )
