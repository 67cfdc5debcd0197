"""The curated packages for R and Python, in sets that contain each other: none, core, datascience."""

from __future__ import annotations

from typing import Generator, List, Set

from pyinfra import host
from pyinfra.api import FactBase, deploy, operation

from tasks.jupyter import lock
from tasks.lib import apt, facts, files, omitted, python, workplace

SETS = ("none", "core", "datascience")


def names(text: bytes) -> List[str]:
    """The package names of a list: one a line, ``#`` begins a comment."""
    lines = (line.split("#", 1)[0].strip() for line in text.decode().splitlines())
    return [line for line in lines if line]


def up_to(chosen: str) -> List[str]:
    """The sets that ``chosen`` contains, smallest first, without ``none`` (which is Jupyter itself)."""
    return list(SETS[1 : SETS.index(chosen) + 1])


def debian_name(package: str) -> str:
    """Name of the Debian package of an R package (Debian's R policy; r2u follows it)."""
    return "r-cran-" + package.lower()


class RPackages(FactBase[Set[str]]):
    """Names of the R packages in the system's libraries."""

    def command(self) -> str:
        return (
            "ls -d /usr/local/lib/R/site-library/*/Meta/package.rds /usr/lib/R/site-library/*/Meta/package.rds"
            " /usr/lib/R/library/*/Meta/package.rds 2>/dev/null || true"
        )

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        return {line.split("/")[-3] for line in output}


@operation()
def r_packages(wanted: List[str], mirror: str) -> Generator[workplace.Command, None, None]:
    """Install R packages: apt's in one transaction; the rest from CRAN, compiled, or left out where it does not answer.

    Args:
        wanted: names as R spells them.
        mirror: CRAN mirror for what apt has not got.
    """
    present = facts.get(RPackages) if wanted else set()
    missing = [name for name in wanted if name not in present]
    if not missing:
        yield from omitted.put_back("R packages")
        return
    known = facts.get(apt.KnownPackages, prefix="r-cran-")
    binary = [debian_name(name) for name in missing if debian_name(name) in known]
    compiled = [name for name in missing if debian_name(name) not in known]
    if binary:
        yield from workplace.run(apt.apt_get("install " + " ".join(binary)))
    if not compiled:
        yield from omitted.put_back("R packages")
    elif not facts.get(apt.Answers, url=mirror.rstrip("/") + "/src/contrib/PACKAGES.gz"):
        reason = "{0} (apt has not got them, CRAN {1} does not answer)".format(" ".join(compiled), mirror)
        yield from omitted.leave_out("R packages", reason)
    else:
        quoted = ", ".join('"{0}"'.format(name) for name in compiled)
        yield from workplace.run(
            "{0}; Rscript --vanilla"
            " -e 'p <- c({1}); install.packages(p, repos=\"{2}\", Ncpus=parallel::detectCores())'"
            " -e 'for (x in p) loadNamespace(x)'".format(workplace.UNLOCK_R, quoted, mirror)
        )
        yield from omitted.put_back("R packages")


@deploy("Packages")
def packages() -> None:
    data = host.data
    for chosen in up_to(data.packages):
        python.locked(name="Install the Python packages of {0}".format(chosen), env=data.python_env, lock=lock(chosen))
    wanted = [
        name for chosen in up_to(data.packages) for name in names(files.source("packages/r-{0}.txt".format(chosen)))
    ]
    # Also with nothing wanted: what was left out then no longer is.
    r_packages(name="Install the R packages of {0}".format(data.packages), wanted=wanted, mirror=data.cran_mirror)
