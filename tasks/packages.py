"""The curated packages for R and Python, in sets that contain each other: none, core, datascience."""

from __future__ import annotations

import re
import shlex
from typing import Dict, Generator, Iterable, List, Sequence, Set

from pyinfra import host
from pyinfra.api import DeployError, FactBase, deploy, operation

from tasks import jupyterhub
from tasks.jupyter import lock
from tasks.lib import apt, debian, facts, files, omitted, python, workplace
from tasks.lib.progress import say

SETS = ("none", "core", "datascience")
KIND = "R packages"  # as what is left out is called
FAILED = " (apt has not got them, and from CRAN {0} they could not be compiled)"
SILENT = " (apt has not got them, CRAN {0} does not answer)"
R_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")  # Writing R Extensions, 1.1.1
USERS = "/var/lib/melda-jupyter/bspm.json"  # what users installed through bspm's service, see files/bspm
NOT_COMPILED = "/usr/local/share/melda-jupyter/not-compiled"  # the reason of each that failed, a line each
RECORD = "/usr/local/share/melda-jupyter/r-packages"  # every R package the lists ever asked for here, a name a line


def names(text: bytes) -> List[str]:
    """The package names of a list: one a line, ``#`` begins a comment."""
    lines = (line.split("#", 1)[0].strip() for line in text.decode().splitlines())
    return [line for line in lines if line]


def up_to(chosen: str) -> List[str]:
    """The sets that ``chosen`` contains, smallest first, without ``none`` (which is Jupyter itself)."""
    return list(SETS[1 : SETS.index(chosen) + 1])


def r_names(chosen: str) -> List[str]:
    """The R packages of a set alone.

    Raises:
        DeployError: a line of its list is no name.
    """
    path = "packages/r-{0}.txt".format(chosen)
    found = names(files.source(path))
    for name in found:
        if not R_NAME.fullmatch(name):
            right = (
                "it must be the name of one R package: a letter, then letters, digits and dots, '#' before a comment"
            )
            raise DeployError("files/{0}: {1!r} is not right: {2}".format(path, name, right))
    return found


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


def by_kind(lines: Iterable[str]) -> Dict[str, Set[str]]:
    """Lines of ``kind:name`` as kind -> names."""
    found: Dict[str, Set[str]] = {}
    for line in lines:
        kind, _, name = line.partition(":")
        found.setdefault(kind, set()).add(name)
    return found


class Traces(FactBase[Dict[str, Set[str]]]):
    """What tells who brought an R package: kind -> names.

    Kinds are ``manual`` (apt's word for what no other package brought), ``user`` (through bspm's service; these two with
    Debian's names), ``compiled`` (in the library of what apt does not bring) and ``listed`` (:data:`RECORD`).
    """

    def command(self) -> str:
        return (
            "apt-mark showmanual 2>/dev/null | sed -n 's/^r-cran-/manual:&/p';"
            " grep -o 'r-cran-[^\"]*' {0} 2>/dev/null | sed s/^/user:/;"
            " ls -d /usr/local/lib/R/site-library/*/Meta/package.rds 2>/dev/null"
            " | sed 's,/Meta/package.rds$,,; s,.*/,compiled:,'; sed s/^/listed:/ {1} 2>/dev/null || true"
        ).format(USERS, RECORD)

    @staticmethod
    def default() -> Dict[str, Set[str]]:
        return {}

    def process(self, output: List[str]) -> Dict[str, Set[str]]:
        return by_kind(output)


class TakenAlong(FactBase[Dict[str, Set[str]]]):
    """Debian package -> all that apt would remove with it, itself too."""

    def command(self, names: Sequence[str]) -> str:
        return (
            'for n in {0}; do apt-get -s remove $n 2>/dev/null | sed -n "s/^Remv \\([^ :]*\\).*/$n:\\1/p"; done; true'
        ).format(" ".join(shlex.quote(name) for name in names))

    @staticmethod
    def default() -> Dict[str, Set[str]]:
        return {}

    def process(self, output: List[str]) -> Dict[str, Set[str]]:
        return by_kind(output)


def say_left(kind: str, left: Iterable[str], remove: str) -> None:
    """Say what is in no list any more and stays: it may be in use, and an image is built anew soon enough.

    Args:
        kind: of packages.
        left: their names.
        remove: a command that removes them; ``{}`` stands for the names.
    """
    names = " ".join(sorted(left))
    if names:
        said = "{0} in no list, still installed: {1}; `{2}`, or build the image anew"
        say(said.format(kind, names, remove.format(names)))


@operation()
def told(wanted: List[str], env: str, locks: Sequence[bytes]) -> Generator[workplace.Command, None, None]:
    """Write down what the lists ask for, and say what they asked for once and the target still has; remove nothing.

    Only what is written down is told: who provisions a machine may have installed others by hand.

    Args:
        wanted: R packages of the lists.
        env: path of the virtual environment, which is ours alone.
        locks: of all the lists and of Jupyter itself.
    """
    traces, present = facts.get(Traces), facts.get(RPackages)
    listed = traces.get("listed", set())
    remembered = sorted(set(wanted) | (listed & present))
    if set(remembered) != listed:
        text = "".join(name + "\n" for name in remembered)
        yield from files.changes(
            [files.Entry(RECORD.rpartition("/")[0], mode="755"), files.Entry(RECORD, text.encode())], {}
        )
    dropped = (listed & present) - set(wanted)
    compiled = dropped & traces.get("compiled", set())
    from_apt = {debian_name(name) for name in dropped - compiled} & traces.get("manual", set())
    left = from_apt - traces.get("user", set()) - set(debian.PACKAGES["r"])
    # Not what another package needs: it would go too. (Autoremove keeps also what another one only suggests.)
    along = facts.get(TakenAlong, names=sorted(left)) if left else {}
    say_left("R packages", {name for name in left if along.get(name, left) <= left}, "apt-get remove {}")
    say_left("Compiled R packages", compiled, "R CMD REMOVE {}")
    pinned = {name for text in locks for name in python.pins(text)}
    distributions = {name.partition("==")[0] for name in facts.get(python.Distributions, env=env)}
    say_left("Python packages", distributions - pinned, env + "/bin/pip uninstall {}")


def _missing(wanted: Sequence[str]) -> List[str]:
    present = facts.get(RPackages) if wanted else set()
    return [name for name in wanted if name not in present]


def _in_apt(names: Sequence[str]) -> List[str]:
    known = facts.get(apt.KnownPackages, prefix="r-cran-") if names else set()
    return [name for name in names if debian_name(name) in known]


@operation()
def from_apt(wanted: List[str]) -> Generator[workplace.Command, None, None]:
    """Install R packages that apt has, in one transaction.

    Args:
        wanted: names as R spells them.
    """
    binary = _in_apt(_missing(wanted))
    if binary:
        yield from workplace.run(apt.apt_get("install " + " ".join(debian_name(name) for name in binary)))


def _not_in_apt(wanted: Sequence[str]) -> List[str]:
    missing = _missing(wanted)
    binary = set(_in_apt(missing))
    return [name for name in missing if name not in binary]


def _failed(mirror: str) -> Set[str]:
    """What an earlier run could not compile from that mirror."""
    end = FAILED.format(mirror)
    lines = (line[len(KIND + ": ") : -len(end)] for line in omitted.lines() if line.endswith(end))
    return {name for line in lines for name in line.split()}


@operation()
def from_cran(wanted: List[str], mirror: str) -> Generator[workplace.Command, None, None]:
    """Compile R packages that apt has not got, and say so: it takes long. Those that fail do not stop the others.

    What they need comes from apt, as far as it has it. It counts as chosen there, because apt knows nothing of who needs it.
    What failed is not tried at each run, but with ``strict`` and with another mirror.

    Args:
        wanted: names as R spells them.
        mirror: CRAN mirror.
    """
    compiled = _not_in_apt(wanted)
    if compiled and not host.data.get("strict"):
        failed = _failed(mirror)
        compiled = [name for name in compiled if name not in failed]
    if compiled and apt.cran_answers(mirror):
        say("compiled, because apt has not got them: " + " ".join(compiled))
        yield from workplace.run(
            "{0}; Rscript --vanilla needs.R {1} >needs; apt-cache pkgnames r-cran- >known;"
            ' binary=$(grep -Fxf needs known) || true; [ -z "$binary" ] || {2} $binary;'
            " Rscript --vanilla compile.R {1}; install -D -m 644 not-compiled {3}".format(
                workplace.UNLOCK_R,
                " ".join([shlex.quote(apt.cran(mirror)), *compiled]),
                apt.apt_get("install"),
                NOT_COMPILED,
            ),
            {name: files.source("packages/" + name) for name in ("needs.R", "compile.R")},
        )


@operation()
def left_out(wanted: List[str], mirror: str) -> Generator[workplace.Command, None, None]:
    """Write down which R packages the target lacks after all; with ``strict`` that is an error.

    Args:
        wanted: names as R spells them.
        mirror: CRAN mirror.
    """
    missing = _not_in_apt(wanted)
    if missing:
        for line in files.text(NOT_COMPILED).splitlines():
            if line.split(": ")[1:2] and line.split(": ")[1] in missing:
                say(line)
        reason = (FAILED if apt.cran_answers(mirror) else SILENT).format(mirror)
        yield from omitted.leave_out(KIND, " ".join(missing) + reason)
    else:
        yield from omitted.put_back(KIND)


@deploy("Packages")
def packages() -> None:
    omitted.foresee()
    data = host.data
    wanted = [name for chosen in up_to(data.packages) for name in r_names(chosen)]
    for chosen in up_to(data.packages):
        python.locked(name="Install the Python packages of {0}".format(chosen), env=data.python_env, lock=lock(chosen))
    from_apt(name="Install the R packages of {0}".format(data.packages), wanted=wanted)
    # An operation of its own, so that its time is told.
    from_cran(name="Compile the R packages that apt has not got", wanted=wanted, mirror=data.cran_mirror)
    # Also with nothing wanted: what was left out then no longer is.
    left_out(name="Write which R packages are left out", wanted=wanted, mirror=data.cran_mirror)
    locks = [lock(chosen) for chosen in ("none", *up_to(data.packages))]
    locks += [jupyterhub.lock()] if data.jupyterhub else []
    told(name="Tell what is in no list any more", wanted=wanted, env=data.python_env, locks=locks)
