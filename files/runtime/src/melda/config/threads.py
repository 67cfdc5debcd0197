"""How many threads libraries start: as many as the container may use processors, not as many as the host has.

They ask the system for processors, and a quota (`docker run --cpus`) hides none of the host's. Each thread too many waits for its
turn: a product of matrices takes longer with two threads of one processor than with one.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Dict, Mapping

from melda.base import cpus

# The first is obeyed by the BLAS of R and of numpy, OpenMP, data.table, arrow, numexpr and torch; who wants another number for
# one of them has its own variable, which wins. numba knows its own alone; polars and joblib look at the quota themselves.
VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
_PLAIN = re.compile(r"[0-9,]+")


def filled_in(variables: Dict[str, str]) -> Dict[str, str]:
    """Return the variables with these, if the container may use fewer processors than there are. Who has set one keeps it.

    Where it may use all, nothing is set: libraries find the number themselves, and joblib divides it among its workers.
    """
    most = cpus.limit()
    if most >= (os.cpu_count() or 1):
        return variables
    missing = {name: str(most) for name in VARIABLES if not variables.get(name)}
    return {**variables, **missing}


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
