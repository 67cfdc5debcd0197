"""bspm: install.packages() takes apt's binary where there is one, for a user without root, over D-Bus."""

from __future__ import annotations

from melda.base.paths import BUS_POLICY, BUS_SERVICE, OMITTED, RPROFILE
from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.facts.files import FileContents, PathStats
from tasks.facts.r import RPackages
from tasks.lib import managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source
from tasks.operations import apt, managed_files
from tasks.operations import bspm as operations
from tasks.settings import deploy

SCRIPTS = ("install_packages.R", "install_packages_child.R", "remove_packages.R", "own_repositories.R")


def _package() -> None:
    prefetch(RPackages)
    prefetch(FileContents, path=OMITTED)
    prefetch(PathStats, paths=[OMITTED])
    operations.installed(name="Install bspm from CRAN")


@deploy("bspm")
def package() -> None:
    """Compile bspm, without a file of ours: what changes seldom."""
    _package()


@deploy("bspm")
def bspm() -> None:
    src = host.data.src
    prefetch(RPackages)
    prefetch(FileContents, path=OMITTED)
    prefetch(PathStats, paths=[BUS_SERVICE, BUS_POLICY])
    apt.packages(name="Install what bspm needs at run time", packages=PACKAGES["bspm"] + PACKAGES["r"])
    managed_files.block(
        name="Set the CRAN mirror",
        path=RPROFILE,
        marker="melda-jupyter cran",
        content=f'local({{ r <- getOption("repos"); r["CRAN"] <- "{host.data.cran_mirror}"; options(repos = r) }})',
    )
    managed_files.put(
        name="Install install.packages() for notebooks",
        entries=[
            ManagedFile(src, mode="755"),
            *(ManagedFile(f"{src}/{name}", source("bspm/" + name).replace(b"@SRC@", src.encode())) for name in SCRIPTS),
        ],
    )
    managed_files.block(
        name="Let notebooks show what install.packages() does",
        path=RPROFILE,
        marker="melda-jupyter notebook",
        # A kernel starts whatever happens there.
        content=f'try(source("{src}/{SCRIPTS[0]}", local = TRUE), silent = TRUE)',
    )
    managed_files.block(
        name="Let remove.packages() remove what came through apt",
        path=RPROFILE,
        marker="melda-jupyter remove",
        content=f'try(source("{src}/{SCRIPTS[2]}", local = TRUE), silent = TRUE)',
    )
    _package()
    sources = {BUS_SERVICE: "bspm/dbus.service", BUS_POLICY: "bspm/dbus.conf"}
    managed_list.keep(ManagedFile(path, b"") for path in sources)
    operations.dbus_service_installed(
        name="Put our service in the place of bspm's",
        src=src,
        username=host.data.username,
        sources=sources,
    )
    managed_list.keep_block(RPROFILE, operations.MARKER)
    operations.enabled(name="Enable bspm for every R session", profile=RPROFILE, src=src)
