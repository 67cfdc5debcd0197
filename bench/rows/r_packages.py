"""Ten R packages by the user, from apt through bspm's service, against compiling the same ten."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from bench import debian_sources
from bench.results import OURS, Result
from bench.rows.nothing_to_do import BIN
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError
from tasks.operations.r import debian_name
from tests.fakes.serve import Server, gateway

NAME = "r-packages"
REPEATS = 2
COMPILED = "compiled"
COUNT = 10
# More than ten, because Debian's mirror may not have the sources of each.
CANDIDATES = (
    "dplyr", "tidyr", "purrr", "reshape2", "ranger", "later", "maps", "proxy", "quadprog", "diffobj",
    "ps", "processx", "gclus", "goftest", "bitops", "zoo", "xts", "plyr", "mvtnorm",
)  # fmt: skip
NOTE = (
    "Ten R packages with C, C++ or Fortran, which the image has not: `install.packages()` of melda in a terminal, which asks apt "
    "through bspm and its D-Bus service, against `install.packages()` of the same ten from a CRAN-like repository of Debian's "
    "sources on the same machine, into a library of the user's, with one process as R does it; what they need is there. "
    "bspm is the tests' stand-in where CRAN cannot be reached; the service behind it is ours. No target: the ratio is told."
)
INSTALL = (
    "Rscript {0} -e 'p <- strsplit(\"{1}\", \" \")[[1]]; install.packages(p{2})' -e 'for (x in p) loadNamespace(x{3})'"
)


def ten_of(had: Collection[str]) -> list[str]:
    """Return the first ten candidates that can be compiled.

    Args:
        had: packages whose sources can be had.

    Raises:
        BuildError: they are fewer.
    """
    found = [name for name in CANDIDATES if name in had][:COUNT]
    if len(found) < COUNT:
        raise BuildError(f"the sources of only {len(found)} R packages can be had, not of {COUNT}")
    return found


def install(workbench: Workbench, container: str, command: str) -> float:
    """Seconds of a command of the user's."""
    began = time.monotonic()
    workbench.run("installing ten R packages", [workbench.docker, "exec", container, "su", "-", "melda", "-c", command])
    return time.monotonic() - began


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds for ten packages.

    Raises:
        BuildError: the sources of fewer than ten can be had.
    """
    times: dict[str, list[float]] = {OURS: [], COMPILED: []}
    workbench.image()
    with tempfile.TemporaryDirectory(prefix="melda-bench-cran-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        had = debian_sources.repository(workbench, [debian_name(name) for name in CANDIDATES], root)
        ten = ten_of(had)
        print(f"    {' '.join(ten)}", flush=True)
        with Server(root, gateway(docker=workbench.docker)) as server:
            for _ in range(repeats):
                with workbench.container("r-packages", f"{workbench.token}-app-base") as name:
                    provision = [str(BIN / "pyinfra"), "-y", f"@docker/{name}", "deploy.py", "--data", "packages=none"]
                    workbench.run("provisioning", [*provision, "--data", f"cran_mirror={server.url}"])
                    start = ["exec", "--detach", name, "start-jupyter"]
                    client.call(workbench.docker, *start)
                    mine = " ".join(debian_name(package) for package in ten)
                    # What they need stays when they go.
                    needs = f"apt-get install -qq -y {mine} && apt-get remove -qq -y {mine} && apt-get clean"
                    workbench.run("installing what the ten need", [workbench.docker, "exec", name, "sh", "-c", needs])
                    library = "/home/melda/compiled"
                    client.call(workbench.docker, "exec", "--user", "melda", name, "mkdir", library)
                    into = f', lib="{library}", repos="{server.url}"'
                    plain = INSTALL.format("--vanilla", " ".join(ten), into, f', lib.loc=c("{library}", .libPaths())')
                    times[COMPILED].append(install(workbench, name, plain))
                    times[OURS].append(install(workbench, name, INSTALL.format("", " ".join(ten), "", "")))
                    for package in ten:
                        client.call(workbench.docker, "exec", name, "dpkg-query", "-s", debian_name(package))
                print(f"    {COMPILED}: {times[COMPILED][-1]:.1f} s, {OURS}: {times[OURS][-1]:.1f} s", flush=True)
    return [Result("install.packages() of ten", "s", times)]
