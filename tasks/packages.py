"""The curated packages for R and Python, in sets that contain each other: none, core, datascience."""

from __future__ import annotations

import re
from typing import List

from melda.base.paths import BSPM_RECORD, R_PACKAGES
from pyinfra import host
from pyinfra.api import DeployError

from tasks import jupyter, jupyterhub
from tasks.facts.files import FileContents
from tasks.facts.kernels import StartProblems
from tasks.facts.r import PackageOrigins, RPackages
from tasks.jupyter import lock
from tasks.lib import managed_files, omitted
from tasks.lib.fact_cache import prefetch
from tasks.lib.locks import beginning
from tasks.operations import r
from tasks.settings import deploy

SETS = ("none", "core", "datascience")
R_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")  # Writing R Extensions, 1.1.1


def names(text: bytes) -> List[str]:
    """Read the package names of a list: one a line, ``#`` begins a comment."""
    lines = (line.split("#", 1)[0].strip() for line in text.decode().splitlines())
    return [line for line in lines if line]


def up_to(chosen: str) -> List[str]:
    """Name the sets that ``chosen`` contains, smallest first, without ``none`` (which is Jupyter itself)."""
    return list(SETS[1 : SETS.index(chosen) + 1])


def r_names(chosen: str) -> List[str]:
    """Name the R packages of a set alone.

    Raises:
        DeployError: a line of its list is no name.
    """
    path = f"packages/r-{chosen}.txt"
    found = names(managed_files.source(path))
    for name in found:
        if not R_NAME.fullmatch(name):
            raise DeployError(
                f"invalid line {name!r} in files/{path}: expected the name of one R package: a letter, then letters, digits"
                " and dots, '#' before a comment"
            )
    return found


def debian_names(chosen: str) -> List[str]:
    """Name the Debian packages of ``chosen``, and of the sets in it."""
    return [name for part in up_to(chosen) for name in names(managed_files.source(f"packages/debian-{part}.txt"))]


def _wanted() -> List[str]:
    return [name for chosen in up_to(host.data.packages) for name in r_names(chosen)]


def _python(initials: str = "") -> None:
    for chosen in up_to(host.data.packages):
        wanted = beginning(lock(chosen), initials)
        jupyter.install(f"Install the Python packages of {chosen}", wanted)


def _r() -> None:
    data, wanted = host.data, _wanted()
    prefetch(RPackages)
    prefetch(PackageOrigins, users=BSPM_RECORD, listed=R_PACKAGES)
    prefetch(FileContents, path=omitted.PATH)
    r.apt_installed(name=f"Install the R packages of {data.packages}", wanted=wanted)
    # An operation of its own, so that its time is told.
    r.cran_compiled(name="Compile the R packages that are not available from apt", wanted=wanted)
    # Also with nothing wanted: what was skipped then no longer is.
    r.missing_recorded(name="Write which R packages are left out", wanted=wanted)


@deploy("Packages")
def python_packages(initials: str = "") -> None:
    """Install the set's packages of Python.

    Args:
        initials: of the names to install, ``a-o``; empty: all.
    """
    _python(initials)


@deploy("Packages")
def r_packages() -> None:
    """Install the set's packages of R."""
    _r()


@deploy("Packages")
def packages() -> None:
    data = host.data
    prefetch(StartProblems, env=data.python_env, uid=data.uid)
    _python()
    _r()
    r.kernels_start(name="Make sure that R and Python start", env=data.python_env, uid=data.uid)
    locks = [lock(chosen) for chosen in ("none", *up_to(data.packages))]
    locks += [jupyterhub.lock()] if data.jupyterhub else []
    r.report_unlisted(name="Tell what is in no list any more", wanted=_wanted(), env=data.python_env, locks=locks)
