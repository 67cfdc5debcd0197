"""R against numpy on the same product of matrices, with all processors and with one of them."""

from __future__ import annotations

from bench.alternate import samples
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError

NAME = "r-and-numpy"
REPEATS = 5
NUMPY, REFERENCE, ONE, HOSTS = "numpy", "R with the reference BLAS", "one thread", "a thread for each processor"
NOTE = (
    "R and numpy: the product of two 1500 x 1500 matrices of doubles in a login shell of the user's, the median of five after "
    "one that is not counted, in a process of its own for each sample. R with the reference BLAS is the same R with the "
    "library that Debian installs unless told otherwise. Under `docker run --cpus 1`: as the container sets the number of "
    "threads, against OMP_NUM_THREADS=1 and against the number of processors that the host shows, as without us."
)
R = (
    "n <- 1500; a <- matrix(rnorm(n * n), n); b <- a %*% a;"
    " cat(median(replicate(5, system.time(a %*% b)[['elapsed']])), basename(dirname(extSoftVersion()[['BLAS']])))"
)
PYTHON = (
    "import numpy, statistics, time; n = 1500; a = numpy.random.default_rng(1).normal(size=(n, n)); b = a @ a\n"
    "def once():\n    began = time.perf_counter(); a @ b; return time.perf_counter() - began\n"
    "print(statistics.median(once() for _ in range(5)))"
)
IN_R, IN_PYTHON = f'Rscript -e "{R}"', f"python3 -c '{PYTHON}'"
COMMANDS = {
    OURS: IN_R,
    NUMPY: IN_PYTHON,
    REFERENCE: f"LD_PRELOAD=$(ls /usr/lib/*-linux-gnu/blas/libblas.so.3) {IN_R}",
}
THREADS = {OURS: "", ONE: "OMP_NUM_THREADS=1 ", HOSTS: "OMP_NUM_THREADS=$(nproc --all) "}


def seconds(workbench: Workbench, container: str, command: str, blas: str = "") -> float:
    """Return what a command in a login shell of the user's writes first.

    Args:
        container: where.
        command: what; R writes its BLAS behind the seconds.
        blas: which that must be.

    Raises:
        BuildError: it was another one.
    """
    run = [workbench.docker, "exec", "--user", "melda", container, "bash", "-lc", command]
    took, *found = client.call(*run).split()
    if found and blas and found != [blas]:
        raise BuildError(f"R multiplies by {found[0]}, not by {blas}: the row would compare something else")
    return float(took)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of a product."""
    libraries = {OURS: "openblas-pthread", REFERENCE: "blas"}
    with workbench.container("products", workbench.image(), "start-jupyter") as name:
        workbench.wait(name, "ready: ")

        def once(which: str) -> float:
            return seconds(workbench, name, COMMANDS[which], libraries.get(which, ""))

        times = samples(list(COMMANDS), once, repeats, "s")
    found = [Result("a product of two 1500 x 1500 matrices in R", "s", times, [Target(1.2, NUMPY)])]
    with workbench.container("bounded", workbench.image(), "start-jupyter", ["--cpus", "1"]) as name:
        workbench.wait(name, "ready: ")
        for language, command in (("R", IN_R), ("numpy", IN_PYTHON)):
            bound = {which: variable + command for which, variable in THREADS.items()}
            times = samples(list(bound), lambda which: seconds(workbench, name, bound[which]), repeats, "s")  # noqa: B023
            found.append(Result(f"the same by {language}, --cpus 1", "s", times, [Target(1.1, ONE)]))
    return found
