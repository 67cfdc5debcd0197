"""bspm: install.packages() takes apt's binary where there is one, for a user without root, over D-Bus."""

from __future__ import annotations

from typing import Generator, List, Set

from pyinfra import host
from pyinfra.api import FactBase, deploy, operation

from tasks.lib import apt, debian, facts, files, omitted, workplace

RPROFILE = "/etc/R/Rprofile.site"


class Bspm(FactBase[Set[str]]):
    """What is there of bspm: ``installed``, ``discovered`` (it knows how apt names R packages)."""

    def command(self) -> str:
        return (
            "for d in /usr/local/lib/R/site-library /usr/lib/R/site-library; do"
            " [ -f $d/bspm/DESCRIPTION ] && [ -f $d/bspm/Meta/package.rds ] && echo installed;"
            " [ -s $d/bspm/service/bspm.pref ] && echo discovered; done; true"
        )

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        return {line.strip() for line in output}


@operation()
def installed(mirror: str) -> Generator[workplace.Command, None, None]:
    """Install bspm from CRAN as root, which is how its D-Bus service and policy come into the system.

    Where CRAN does not answer it is left out (``strict``: an error), and install.packages() compiles.
    """
    if "installed" in facts.get(Bspm):
        yield from omitted.put_back("bspm")
        return
    if not facts.get(apt.Answers, url=mirror.rstrip("/") + "/src/contrib/PACKAGES.gz"):
        yield from omitted.leave_out("bspm", "CRAN ({0}) does not answer".format(mirror))
        return
    yield from workplace.run(
        # R exits 0 when an installation fails; loading the package is the proof.
        '{0}; Rscript --vanilla -e \'install.packages("bspm", repos="{1}")\' -e \'loadNamespace("bspm")\''.format(
            workplace.UNLOCK_R, mirror
        )
    )
    yield from omitted.put_back("bspm")


@operation()
def discovered() -> Generator[workplace.Command, None, None]:
    """Let bspm find out how apt names R packages, which takes longer than a user's first call may wait."""
    if facts.get(Bspm) == {"installed"}:
        yield from workplace.run("Rscript --vanilla -e 'bspm::discover()'")


@operation()
def enabled() -> Generator[workplace.Command, None, None]:
    """Enable bspm for every R session, if it is there."""
    wanted = files.source("bspm/Rprofile.R").decode() if "installed" in facts.get(Bspm) else ""
    yield from files.block_changes(RPROFILE, "melda-jupyter bspm", wanted)


@deploy("bspm")
def bspm() -> None:
    apt.installed(name="Install what bspm needs at run time", packages=debian.PACKAGES["bspm"] + debian.PACKAGES["r"])
    files.block(
        name="Set the CRAN mirror",
        path=RPROFILE,
        marker="melda-jupyter cran",
        content='local({{ r <- getOption("repos"); r["CRAN"] <- "{0}"; options(repos = r) }})'.format(
            host.data.cran_mirror
        ),
    )
    installed(name="Install bspm from CRAN", mirror=host.data.cran_mirror)
    enabled(name="Enable bspm for every R session")
    discovered(name="Let bspm discover apt's R packages")
