"""bspm: install.packages() takes apt's binary where there is one, for a user without root, over D-Bus."""

from __future__ import annotations

from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, deploy, operation

from tasks.lib import apt, debian, facts, files, omitted, workplace

RPROFILE = "/etc/R/Rprofile.site"
SERVICE = "/usr/share/dbus-1/system-services/org.r_project.linux1.service"
POLICY = "/etc/dbus-1/system.d/org.r_project.linux1.conf"
SCRIPTS = ("install_packages.R", "install_packages_child.R")


class Bspm(FactBase[bool]):
    """Is bspm there, completely installed?"""

    def command(self) -> str:
        return (
            "for d in /usr/local/lib/R/site-library /usr/lib/R/site-library; do"
            " [ -f $d/bspm/DESCRIPTION ] && [ -f $d/bspm/Meta/package.rds ] && echo yes; done; true"
        )

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: List[str]) -> bool:
        return "yes" in output


@operation()
def installed(mirror: str) -> Generator[workplace.Command, None, None]:
    """Install bspm from CRAN as root, which is how its D-Bus service and policy come into the system.

    Where CRAN does not answer it is left out (``strict``: an error), and install.packages() compiles.
    """
    if facts.get(Bspm):
        yield from omitted.put_back("bspm")
        return
    if not apt.cran_answers(mirror):
        yield from omitted.leave_out("bspm", "CRAN ({0}) does not answer".format(mirror))
        return
    yield from workplace.run(
        # R exits 0 when an installation fails; loading the package is the proof.
        '{0}; Rscript --vanilla -e \'install.packages("bspm", repos="{1}")\' -e \'loadNamespace("bspm")\''.format(
            workplace.UNLOCK_R, apt.cran(mirror)
        )
    )
    yield from omitted.put_back("bspm")


@operation()
def served(src: str, username: str) -> Generator[workplace.Command, None, None]:
    """Put our service and policy where bspm's configure put its own, if it is there.

    Args:
        src: folder of the service.
        username: the one user who may call it, beside root.
    """
    if not facts.get(Bspm):
        return
    entries = [
        files.Entry(path, files.source("bspm/" + name).decode().format(src=src, username=username).encode())
        for path, name in ((SERVICE, "dbus.service"), (POLICY, "dbus.conf"))
    ]
    yield from files.changes(entries, facts.at(files.Paths, [SERVICE, POLICY]))


@operation()
def enabled() -> Generator[workplace.Command, None, None]:
    """Enable bspm for every R session, if it is there."""
    wanted = files.source("bspm/Rprofile.R").decode() if facts.get(Bspm) else ""
    yield from files.block_changes(RPROFILE, "melda-jupyter bspm", wanted)


@deploy("bspm")
def bspm() -> None:
    omitted.foresee()
    apt.installed(name="Install what bspm needs at run time", packages=debian.PACKAGES["bspm"] + debian.PACKAGES["r"])
    files.block(
        name="Set the CRAN mirror",
        path=RPROFILE,
        marker="melda-jupyter cran",
        content='local({{ r <- getOption("repos"); r["CRAN"] <- "{0}"; options(repos = r) }})'.format(
            host.data.cran_mirror
        ),
    )
    src = host.data.src
    files.installed(
        name="Install install.packages() for notebooks",
        entries=[files.Entry(src, mode="755")]
        + [
            files.Entry("{0}/{1}".format(src, name), files.source("bspm/" + name).replace(b"@SRC@", src.encode()))
            for name in SCRIPTS
        ],
    )
    files.block(
        name="Let notebooks show what install.packages() does",
        path=RPROFILE,
        marker="melda-jupyter notebook",
        # A kernel starts whatever happens there.
        content='try(source("{0}/{1}", local = TRUE), silent = TRUE)'.format(src, SCRIPTS[0]),
    )
    installed(name="Install bspm from CRAN", mirror=host.data.cran_mirror)
    served(name="Put our service in the place of bspm's", src=src, username=host.data.username)
    enabled(name="Enable bspm for every R session")
