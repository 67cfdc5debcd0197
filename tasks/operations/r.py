"""R packages: from apt where it has them, else compiled. pyinfra knows nothing of R."""

from __future__ import annotations

import shlex
from typing import Generator, Iterable, List, Sequence, Set

from melda.base.paths import BSPM_RECORD, NOT_COMPILED, R_PACKAGES
from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.deb import DebPackages

from tasks import debian_packages
from tasks.facts.apt import KnownPackages, ReverseDependencies
from tasks.facts.files import FileContents, PathStats
from tasks.facts.kernels import StartProblems
from tasks.facts.r import LIBRARIES, PackageOrigins, RPackages
from tasks.facts.venv import Distributions
from tasks.lib import managed_files, omitted, reachable, staging
from tasks.lib.apt_get import install
from tasks.lib.locks import pins
from tasks.lib.managed_files import ManagedFile
from tasks.lib.progress import say

PICTURES = ("kernel.js", "logo-64x64.png", "logo-svg.svg")  # not all of them in each IRkernel
KIND = "R packages"  # as what is skipped is called
FAILED = " (not available from apt, and from CRAN {0} they could not be compiled)"
UNREACHABLE = " (not available from apt, CRAN {0} does not answer)"


def debian_name(package: str) -> str:
    """Name of the Debian package of an R package (Debian's R policy; r2u follows it)."""
    return "r-cran-" + package.lower()


def warn_unlisted(kind: str, left: Iterable[str], remove: str) -> None:
    """Say what is in no list any more and stays: it may be in use, and an image is built again soon enough.

    Args:
        remove: a command that removes them; ``{}`` stands for the names.
    """
    names = " ".join(sorted(left))
    if names:
        say(f"{kind} in no list, still installed: {names}; `{remove.format(names)}`, or build the image again")


@operation()
def report_unlisted(wanted: List[str], env: str, locks: Sequence[bytes]) -> Generator[staging.Command, None, None]:
    """Write down what the lists ask for, and say what they asked for once and the target still has; remove nothing.

    Only what is written down is reported: who provisions a host may have installed others by hand.

    Args:
        wanted: R packages of the lists.
        env: path of the virtual environment, which is ours alone.
        locks: of all the lists and of Jupyter itself.
    """
    origins, present = host.get_fact(PackageOrigins, users=BSPM_RECORD, listed=R_PACKAGES), host.get_fact(RPackages)
    listed = origins.get("listed", set())
    remembered = sorted(set(wanted) | (listed & present))
    text = "".join(name + "\n" for name in remembered)
    record = [ManagedFile(R_PACKAGES.rpartition("/")[0], mode="755"), ManagedFile(R_PACKAGES, text.encode())]
    if remembered or listed:
        yield from managed_files.diff(record, host.get_fact(PathStats, paths=[entry.path for entry in record]))
    dropped = (listed & present) - set(wanted)
    compiled = dropped & origins.get("compiled", set())
    from_apt = {debian_name(name) for name in dropped - compiled} & origins.get("manual", set())
    left = from_apt - origins.get("user", set()) - set(debian_packages.PACKAGES["r"])
    # Not what another package needs: it would go too. (Autoremove keeps also what another one only suggests.)
    along = host.get_fact(ReverseDependencies, names=sorted(left)) if left else {}
    warn_unlisted("R packages", {name for name in left if along.get(name, left) <= left}, "apt-get remove {}")
    warn_unlisted("Compiled R packages", compiled, "R CMD REMOVE {}")
    pinned = {name for text in locks for name in pins(text)}
    distributions = {name.partition("==")[0] for name in host.get_fact(Distributions, env=env)}
    warn_unlisted("Python packages", distributions - pinned, env + "/bin/pip uninstall {}")


def _missing(wanted: Sequence[str]) -> List[str]:
    present = host.get_fact(RPackages) if wanted else set()
    return [name for name in wanted if name not in present]


def _in_apt(names: Sequence[str]) -> List[str]:
    known = host.get_fact(KnownPackages, prefix="r-cran-") if names else set()
    return [name for name in names if debian_name(name) in known]


@operation()
def apt_installed(wanted: List[str]) -> Generator[staging.Command, None, None]:
    """Install R packages that apt has, in one transaction; again what apt takes for installed and R does not find.

    Args:
        wanted: names as R spells them.
    """
    binary = _in_apt(_missing(wanted))
    if not binary:
        return
    names = [debian_name(name) for name in binary]
    again = not host.get_fact(DebPackages).keys().isdisjoint(names)
    places = " ".join(f"{folder}/$p/Meta/package.rds" for folder in LIBRARIES)
    # apt exits with 0 where it has not got the version that is installed, to install it again.
    yield from staging.run(
        f"{install(' '.join(names), again)}; lacking=;"
        f' for p in {" ".join(binary)}; do [ -n "$(ls {places} 2>/dev/null)" ] || lacking="$lacking $p"; done;'
        ' [ -z "$lacking" ] || { echo "installed by apt, and not there for R:$lacking" >&2; exit 1; }'
    )


def _not_in_apt(wanted: Sequence[str]) -> List[str]:
    missing = _missing(wanted)
    binary = set(_in_apt(missing))
    return [name for name in missing if name not in binary]


def _failed() -> Set[str]:
    """Return what an earlier run could not compile from this mirror."""
    end = FAILED.format(reachable.cran())
    lines = (line[len(KIND + ": ") : -len(end)] for line in omitted.lines() if line.endswith(end))
    return {name for line in lines for name in line.split()}


@operation()
def cran_compiled(wanted: List[str]) -> Generator[staging.Command, None, None]:
    """Compile R packages that are not available from apt, and report it: it takes long. Those that fail do not stop the others.

    What they need comes from apt, as far as it has it. It stays marked manual in apt, which does not know what needs it.
    What failed is not tried at each run, but with ``strict`` and with another mirror.

    Args:
        wanted: names as R spells them.
    """
    compiled = _not_in_apt(wanted)
    if compiled and not host.get_fact(KnownPackages, prefix="r-cran-"):
        yield staging.refuse("apt knows no R package at all: expected its lists in /var/lib/apt/lists")
        return
    if compiled and not host.data.get("strict"):
        failed = _failed()
        compiled = [name for name in compiled if name not in failed]
    if compiled and reachable.cran_answers():
        say("compiled, because not available from apt: " + " ".join(compiled))
        present = host.get_fact(PathStats, paths=[NOT_COMPILED])
        yield from managed_files.make_way([ManagedFile(NOT_COMPILED, b"")], present)
        asked = " ".join([shlex.quote(reachable.cran()), *compiled])
        yield from staging.run(
            f"{staging.PREPARE_R}; {staging.RSCRIPT} --vanilla needs.R {asked} >needs; apt-cache pkgnames r-cran- >known;"
            f' binary=$(grep -Fxf needs known) || true; [ -z "$binary" ] || {install("$binary")};'
            f" {staging.RSCRIPT} --vanilla compile.R {asked}; install -m 644 -T not-compiled {NOT_COMPILED}",
            {name: managed_files.source("packages/" + name) for name in ("needs.R", "compile.R")},
        )


@operation()
def missing_recorded(wanted: List[str]) -> Generator[staging.Command, None, None]:
    """Write down which R packages the target lacks after all; with ``strict`` that is an error.

    Args:
        wanted: names as R spells them.
    """
    missing = _not_in_apt(wanted)
    if missing:
        for line in host.get_fact(FileContents, path=NOT_COMPILED).splitlines():
            if line.split(": ")[1:2] and line.split(": ")[1] in missing:
                say(line)
        reason = (FAILED if reachable.cran_answers() else UNREACHABLE).format(reachable.cran())
        yield from omitted.record(KIND, " ".join(missing) + reason)
    else:
        yield from omitted.clear(KIND)


@operation()
def kernels_start(env: str, uid: int) -> Generator[StringCommand, None, None]:
    """Refuse a target where R or Python does not start as a kernel needs it: what people write into R's configuration, or put
    beside the environment's packages, is theirs to mend."""
    for line in host.get_fact(StartProblems, env=env, uid=uid):
        yield staging.refuse(
            f"{line}: expected /etc/R (Rprofile.site, Renviron) and {env} (*.pth, sitecustomize.py) to let a kernel start"
        )


def kernel_paths(description: str, source: str) -> List[str]:
    """Name what :func:`kernel` asks about."""
    folder = description.rpartition("/")[0]
    return [folder, description, *(f"{place}/{name}" for place in (source, folder) for name in PICTURES)]


@operation()
def kernel(entry: ManagedFile, source: str) -> Generator[staging.Command, None, None]:
    """Register the R kernel system-wide: its description, and the pictures of IRkernel's own.

    pyinfra's server.shell, with ``_if`` too, counts as a change in a dry run.
    """
    folder = entry.path.rpartition("/")[0]
    entries = [ManagedFile(folder, mode="755"), entry]
    present = host.get_fact(PathStats, paths=kernel_paths(entry.path, source))
    yield from managed_files.diff(entries, present)
    made = managed_files.with_way_made(entries, present)
    for name in PICTURES:
        theirs, ours = present.get(f"{source}/{name}", ()), made.get(f"{folder}/{name}", ())
        if theirs[:1] == ("file",) and ours != ("file", "644", "root", "root", theirs[-1]):
            if ours[:1] == ("directory",):
                yield managed_files.set_aside(f"{folder}/{name}")
            yield StringCommand(f"install -m 644 -t {folder} {source}/{name}")
