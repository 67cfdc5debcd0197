"""The curated packages of ``datascience`` from nothing, and one more package, against pip and install.packages()."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import debian_sources
from bench.results import OURS, Result, Target
from bench.rows import cold_build
from bench.rows.nothing_to_do import BIN, pyinfra_changes
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError
from tasks.operations.r import debian_name
from tasks.packages import names
from tests.fakes.serve import Server, gateway

NAME = "datascience"
REPEATS = 2
PLAIN = "pip and install.packages()"
COLD = "cold build of datascience"
ALONE = "apt-get update and install of it alone"
# What the sources need beside r-base-dev.
LIBRARIES = ("libcurl4-openssl-dev", "libssl-dev", "libxml2-dev", "zlib1g-dev", "pandoc")
# Nothing in the lists needs it, and it needs no more than what is there.
ADDED = "mlbench"
NOTE = (
    "Datascience: `docker build --no-cache` of Dockerfile with packages=datascience on our base, cache mounts empty, downloads "
    "included, against bench/plain/datascience.Dockerfile on the same base: `pip install` of the same Python lists and one "
    "`install.packages()`. CRAN cannot be reached where this is measured: the alternative compiles only those of the list "
    "r-core and of their needs whose sources Debian's mirror has, from this machine; apt gives it the rest beforehand. Ours "
    "installs all of core and datascience. One more: the R package "
    f"`{ADDED}` added to the list, `pyinfra @docker/NAME deploy.py` on a container of the image, apt's lists fetched again, "
    "beside `apt-get update` and `apt-get install` of it in another; "
    "`docker build` of Dockerfile with the image as its BASE_IMAGE; and, without a target, from our base again, whose layer is "
    "made again with what the cache mounts hold."
)


def r_names(tree: Path, chosen: str) -> list[str]:
    """Return the R packages of one list."""
    return names((tree / f"files/packages/r-{chosen}.txt").read_bytes())


def given(workbench: Workbench, base: str, compiled: Sequence[str]) -> str:
    """Return the image that the alternative stands on: what its R packages need and cannot be compiled here."""
    wanted = [debian_name(name) for name in r_names(workbench.tree, "core")]
    flags = "--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances"
    # Each time: the lists are no part of the image.
    ask = f"apt-get update -qq && apt-cache depends --recurse {flags} {' '.join(wanted)} | grep '^r-cran-' | sort -u"
    output = workbench.run("asking apt", [workbench.docker, "run", "--rm", base, "sh", "-c", ask]).split()
    missing = set(output) - {debian_name(name) for name in compiled}
    tag = f"{workbench.token}-needs"
    arguments = {"BASE_IMAGE": base, "PACKAGES": " ".join([*LIBRARIES, *sorted(missing)])}
    workbench.build("bench/plain/datascience-needs.Dockerfile", tag, arguments)
    return tag


@contextlib.contextmanager
def listed(tree: Path) -> Iterator[None]:
    """The list with one package more, while the block runs."""
    file = tree / "files/packages/r-datascience.txt"
    before = file.read_text()
    file.write_text(f"{before}# added\n{ADDED}\n")
    try:
        yield
    finally:
        file.write_text(before)


def has(workbench: Workbench, container: str) -> bool:
    """Is the package there?"""
    ask = f"cat(requireNamespace('{ADDED}', quietly = TRUE))"
    return "TRUE" in client.call(workbench.docker, "exec", container, "Rscript", "--vanilla", "-e", ask)


def one_more(workbench: Workbench, image: str) -> float:
    """Seconds of the deploy on a container of ``image`` when a package was added to the list.

    Raises:
        BuildError: it was there before, or is not afterwards.
    """
    with workbench.container("one-more", image) as name, listed(workbench.tree):
        if has(workbench, name):
            raise BuildError(f"invalid {ADDED} as the package to be added: the image has it already")
        run = [str(BIN / "pyinfra"), "-y", f"@docker/{name}", "deploy.py", "--data", "packages=datascience"]
        began = time.monotonic()
        output = workbench.run("provisioning with one more package", run)
        took = time.monotonic() - began
        if not has(workbench, name):
            raise BuildError(f"{ADDED} was added to the list and is not there")
    print(f"    operations that changed something: {pyinfra_changes(output)}", flush=True)
    return took


def alone(workbench: Workbench, image: str) -> float:
    """Seconds that apt needs for that package, in a container of ``image``: the floor."""
    install = f"apt-get -q update && apt-get -q -y install --no-install-recommends {debian_name(ADDED)}"
    with workbench.container("alone", image) as name:
        began = time.monotonic()
        workbench.run("installing one package", [workbench.docker, "exec", name, "sh", "-c", install])
        return time.monotonic() - began


def again(workbench: Workbench, tag: str, arguments: dict[str, str], token: str) -> float:
    """Seconds of building an image when a package was added to the list.

    Raises:
        BuildError: it is not there afterwards.
    """
    with listed(workbench.tree):
        took = cold_build.timed(workbench, f"{tag}-more", "Dockerfile", arguments, token)
    with workbench.container("again", f"{tag}-more") as name:
        if not has(workbench, name):
            raise BuildError(f"{ADDED} was added to the list and is not in the image")
    subprocess.run([workbench.docker, "image", "rm", "--force", f"{tag}-more"], capture_output=True, check=False)
    return took


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds from nothing, and of one package more."""
    workbench.image()
    base, tag = f"{workbench.token}-app-base", f"{workbench.token}-datascience"
    arguments = {"BASE_IMAGE": base, "PROVISION_DATA": "packages=datascience"}
    times: list[list[float]] = [[] for _ in range(6)]
    ours, plain, more, floor, onto, again = times
    for _ in range(repeats):
        token = f"{workbench.token}-{uuid.uuid4().hex[:8]}"
        ours.append(cold_build.timed(workbench, tag, "Dockerfile", arguments, token))
        print(f"    {OURS}: {ours[-1]:.1f} s", flush=True)
        more.append(one_more(workbench, tag))
        print(f"    one more package: {more[-1]:.1f} s", flush=True)
        onto.append(again(workbench, tag, {**arguments, "BASE_IMAGE": tag}, token))
        print(f"    the same, an image on the one before: {onto[-1]:.1f} s", flush=True)
        again.append(again(workbench, tag, arguments, token))
        print(f"    the same, an image from the base: {again[-1]:.1f} s", flush=True)
        subprocess.run([workbench.docker, "image", "rm", "--force", tag], capture_output=True, check=False)
    with tempfile.TemporaryDirectory(prefix="melda-bench-cran-") as folder:
        wanted = [debian_name(name) for name in r_names(workbench.tree, "core")]
        compiled = debian_sources.repository(workbench, wanted, Path(folder))
        needs = given(workbench, base, compiled)
        with Server(Path(folder), gateway(docker=workbench.docker)) as server:
            without = {"NEEDS": needs, "CRAN": server.url, "R_PACKAGES": " ".join(compiled)}
            for _ in range(repeats):
                plain.append(cold_build.timed(workbench, tag, "bench/plain/datascience.Dockerfile", without))
                print(f"    {PLAIN}: {plain[-1]:.1f} s", flush=True)
                subprocess.run([workbench.docker, "image", "rm", "--force", tag], capture_output=True, check=False)
    return [
        Result(COLD, "s", {OURS: ours, PLAIN: plain}, [Target(0.6, PLAIN)]),
        Result("one package more", "s", {OURS: more, COLD: ours, ALONE: floor}, [Target(0.15, COLD)]),
        Result("one package more, an image on the one before", "s", {OURS: onto, COLD: ours}, [Target(0.15, COLD)]),
        # All of it is installed again; told, so that nobody takes the other for this.
        Result("one package more, an image from the base", "s", {OURS: again, COLD: ours}),
    ]
