"""How many threads libraries start, and how much memory R takes: as the container may have, not as the host has.

They ask the system, and a limit of the container (`docker run --cpus`, `--memory`) hides nothing of the host's. Each thread too
many waits for its turn: a product of matrices takes longer with two threads of one processor than with one. And R that knows its
limit collects its garbage, or stops with an error; R that does not is killed, with all of its variables.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Dict, Mapping

from melda.base import cpus, memory

# The first is obeyed by the BLAS of R and of numpy, OpenMP, data.table, arrow, numexpr and torch; who wants another number for
# one of them has its own variable, which wins. numba knows its own alone; polars and joblib look at the quota themselves.
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
R_MEMORY = "R_MAX_VSIZE"  # help("Memory") in R: of vectors, whose memory is nearly all
VARIABLES = (*THREADS, R_MEMORY)
REST = 512 << 20  # bytes for all that is not R's vectors: Jupyter, the mount, other kernels; of a small container half
_PLAIN = re.compile(r"[0-9,]+[KMG]?")


def _found() -> Dict[str, str]:
    processors, most = cpus.limit(), memory.limit()
    # Where it may use all, nothing is set: libraries find the number themselves, and joblib divides it among its workers.
    found = {name: str(processors) for name in THREADS} if processors < (os.cpu_count() or 1) else {}
    return {**found, R_MEMORY: f"{max(most - REST, most // 2) >> 20}M"} if most else found


def filled_in(variables: Dict[str, str]) -> Dict[str, str]:
    """Return the variables with these, where the container may use less than there is. Who has set one keeps it."""
    return {**variables, **{name: value for name, value in _found().items() if not variables.get(name)}}


def login(variables: Mapping[str, str]) -> str:
    """Return what a login shell does, which has them already where ``docker exec`` gave it the container's own."""
    return "".join(
        f'[ -n "${{{name}-}}" ] || export {name}={shlex.quote(variables[name])}\n'
        for name in VARIABLES
        if variables.get(name)
    )


def ssh(variables: Mapping[str, str]) -> str:
    """Return sshd's SetEnv, for commands without a login shell; empty: there is nothing to set."""
    given = [f"{name}={variables[name]}" for name in VARIABLES if _PLAIN.fullmatch(variables.get(name, ""))]
    return " ".join(("SetEnv", *given)) if given else ""
