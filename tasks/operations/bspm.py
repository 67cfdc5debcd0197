"""bspm. pyinfra knows nothing of R."""

from __future__ import annotations

from typing import Dict, Generator

from pyinfra import host
from pyinfra.api import operation

from tasks.facts.files import FileContents, PathStats
from tasks.facts.r import RPackages
from tasks.lib import managed_files, omitted, reachable, staging
from tasks.lib.managed_files import ManagedFile

MARKER = "melda-jupyter bspm"


def is_installed() -> bool:
    """Is bspm there, completely installed?"""
    return "bspm" in host.get_fact(RPackages)


@operation()
def installed() -> Generator[staging.Command, None, None]:
    """Install bspm from CRAN as root, which is how its D-Bus service and policy come into the system.

    Where CRAN does not answer it is skipped (``strict``: an error), and install.packages() compiles.
    """
    if is_installed():
        yield from omitted.clear("bspm")
    elif not reachable.cran_answers():
        yield from omitted.record("bspm", f"CRAN ({reachable.cran()}) does not answer")
    else:
        # R exits 0 when an installation fails; loading the package is the proof.
        script = (
            f'lib <- "{staging.R_LIBRARY}"\n'
            f'install.packages("bspm", lib, repos = "{reachable.cran()}")\n'
            'loadNamespace("bspm", lib)\n'
        )
        yield from staging.run(f"{staging.PREPARE_R}; {staging.RSCRIPT} --vanilla bspm.R", {"bspm.R": script.encode()})
        yield from omitted.clear("bspm")


@operation()
def dbus_service_installed(src: str, username: str, sources: Dict[str, str]) -> Generator[staging.Command, None, None]:
    """Put our service and policy where bspm's configure put its own, if it is there."""
    if is_installed():
        entries = [
            ManagedFile(path, managed_files.source(name).decode().format(src=src, username=username).encode())
            for path, name in sources.items()
        ]
        yield from managed_files.diff(entries, host.get_fact(PathStats, paths=list(sources)))


@operation()
def enabled(profile: str, src: str) -> Generator[staging.Command, None, None]:
    """Enable bspm for every R session, if it is there."""
    wanted = managed_files.source("bspm/Rprofile.R").decode().replace("@SRC@", src) if is_installed() else ""
    text = host.get_fact(FileContents, path=profile)
    present = host.get_fact(PathStats, paths=[profile])
    yield from managed_files.block_diff(profile, text, MARKER, wanted, present)
