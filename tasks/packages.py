"""The curated packages for R and Python, in sets that contain each other: none, core, datascience."""

from __future__ import annotations

from typing import Generator, List, Sequence, Set

from pyinfra import host, logger
from pyinfra.api import FactBase, deploy, operation

from tasks import jupyterhub
from tasks.jupyter import lock
from tasks.lib import apt, debian, facts, files, omitted, python, workplace

SETS = ("none", "core", "datascience")
BASES = ("r-cran-docopt", "r-cran-littler")  # chosen by rocker's images
RECORD = "/var/lib/melda-jupyter/bspm.json"  # what users installed through bspm's service, see files/bspm


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


class Chosen(FactBase[Set[str]]):
    """Debian names of the R packages that somebody chose: they are no others' needs, and no user installed them.

    A list's packages are apt's "manual" ones; what the user installed is in the record of bspm's service.
    """

    def command(self) -> str:
        return (
            "apt-mark showmanual 2>/dev/null | sed -n 's/^r-cran-/chosen:&/p';"
            " grep -o 'r-cran-[^\"]*' {0} 2>/dev/null | sed s/^/users:/ || true".format(RECORD)
        )

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        found = [line.split(":", 1) for line in output]
        return {name for kind, name in found if kind == "chosen"} - {name for kind, name in found if kind == "users"}


def say_left(kind: str, left: Sequence[str], remove: str) -> None:
    """Say what is in no list any more and stays: it may be in use, and an image is built anew soon enough.

    Args:
        kind: of packages.
        left: their names.
        remove: a command that removes them, without the names.
    """
    if left:
        logger.warning(
            "    {0} in no list, still installed: {1}; `{2} {1}`, or build the image anew".format(
                kind, " ".join(sorted(left)), remove
            )
        )


@operation()
def told(wanted: List[str], env: str, locks: Sequence[bytes]) -> Generator[workplace.Command, None, None]:
    """Say which packages a list no longer has and the target still has; changes nothing.

    Args:
        wanted: R packages of the lists.
        env: path of the virtual environment.
        locks: of all the lists and of Jupyter itself.
    """
    ours = {*debian.PACKAGES["r"], *BASES} | {debian_name(name) for name in wanted}
    say_left("R packages", sorted(facts.get(Chosen) - ours), "apt-get remove")
    pinned = {name for text in locks for name in python.pins(text)}
    names = {name.partition("==")[0] for name in facts.get(python.Distributions, env=env)}
    say_left("Python packages", sorted(names - pinned), env + "/bin/pip uninstall")
    yield from ()


def _missing(wanted: Sequence[str]) -> List[str]:
    present = facts.get(RPackages) if wanted else set()
    return [name for name in wanted if name not in present]


@operation()
def from_apt(wanted: List[str]) -> Generator[workplace.Command, None, None]:
    """Install R packages that apt has, in one transaction.

    Args:
        wanted: names as R spells them.
    """
    missing = _missing(wanted)
    known = facts.get(apt.KnownPackages, prefix="r-cran-") if missing else set()
    binary = [debian_name(name) for name in missing if debian_name(name) in known]
    if binary:
        yield from workplace.run(apt.apt_get("install " + " ".join(binary)))


@operation()
def from_cran(wanted: List[str], mirror: str) -> Generator[workplace.Command, None, None]:
    """Compile R packages that apt has not got, and say so: it takes long. They are left out where CRAN does not answer.

    Args:
        wanted: names as R spells them.
        mirror: CRAN mirror.
    """
    missing = _missing(wanted)
    known = facts.get(apt.KnownPackages, prefix="r-cran-") if missing else set()
    compiled = [name for name in missing if debian_name(name) not in known]
    if not compiled:
        yield from omitted.put_back("R packages")
    elif not facts.get(apt.Answers, url=mirror.rstrip("/") + "/src/contrib/PACKAGES.gz"):
        reason = "{0} (apt has not got them, CRAN {1} does not answer)".format(" ".join(compiled), mirror)
        yield from omitted.leave_out("R packages", reason)
    else:
        logger.warning("    compiled, because apt has not got them: {0}".format(" ".join(compiled)))
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
    from_apt(name="Install the R packages of {0}".format(data.packages), wanted=wanted)
    # An operation of its own, so that its time is told. Also with nothing wanted: what was left out then no longer is.
    from_cran(name="Compile the R packages that apt has not got", wanted=wanted, mirror=data.cran_mirror)
    if wanted:
        locks = [lock(chosen) for chosen in ("none", *up_to(data.packages))]
        locks += [jupyterhub.lock()] if data.jupyterhub else []
        told(name="Tell what is in no list any more", wanted=wanted, env=data.python_env, locks=locks)
