"""The programs that run in the container: start-jupyter, set-paths, get-versions and the version service."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import apt, debian, files

EXECUTABLES = ("get-versions", "healthcheck", "set-paths", "start-jupyter")


@deploy("Runtime")
def runtime() -> None:
    src = host.data.src
    apt.installed(name="Install what the runtime calls", packages=debian.PACKAGES["runtime"])
    files.installed(
        name="Install the runtime's programs",
        entries=files.tree("runtime", src, EXECUTABLES)
        # An image committed by pyinfra has no PATH of ours, and must start by name all the same.
        + [files.Entry("/usr/local/bin/" + name, link="{0}/{1}".format(src, name)) for name in EXECUTABLES],
    )
