"""Python packages from a lock with hashes, installed by uv into a virtual environment.

pyinfra's ``pip.packages`` drops extras, treats ``>=`` as ``==`` and does not normalise names; pip itself takes ten times as
long as uv. uv is fetched for the one command that needs it and does not stay.
"""

from __future__ import annotations

import re
import shlex
from typing import Dict, Generator, List, Sequence, Set

from packaging.utils import canonicalize_name
from pyinfra.api import FactBase, operation

from tasks.lib import facts, files, workplace

# Installers write both last; a distribution without one of them was cut off.
_COMPLETE = "[ -s $d/INSTALLER ] && [ -s $d/RECORD ]"
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: bytes) -> Dict[str, str]:
    """Canonical name -> version of every package a lock pins."""
    return {canonicalize_name(name): version for name, version in _PINNED.findall(lock.decode())}


def entries(lock: str) -> List[str]:
    """A lock's packages, each with the lines of its hashes."""
    found: List[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith(" ") and found:
            found[-1] += line
        else:
            found.append(line)
    return found


class Distributions(FactBase[Set[str]]):
    """``name==version`` of every completely installed distribution of a virtual environment."""

    def command(self, env: str) -> str:
        return ("for d in {0}/lib/python3*/site-packages/*.dist-info; do {1} && echo $d/RECORD; done; true").format(
            shlex.quote(env), _COMPLETE
        )

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        found = (line.split("/")[-2][: -len(".dist-info")] for line in output if line.endswith("/RECORD"))
        return {
            "{0}=={1}".format(canonicalize_name(name), version)
            for name, _, version in (f.partition("-") for f in found)
        }


@operation()
def locked(env: str, lock: bytes, first: Sequence[str] = ()) -> Generator[workplace.Command, None, None]:
    """Make a virtual environment hold exactly the versions of a lock; what else is in it stays.

    Args:
        env: path of the environment; made with the distribution's python3 if missing.
        lock: text of a requirements file with hashes, as uv and pip read it.
        first: names of packages to install before the others, because another one brings a file of the same name and
            uv, which installs in parallel, would leave now the one and now the other.
    """
    present = facts.get(Distributions, env=env)
    if all("{0}=={1}".format(name, version) in present for name, version in pins(lock).items()):
        return
    early = [entry for entry in entries(lock.decode()) if pins(entry.encode()).keys() & set(first)]
    lists = {"first.txt": "".join(early).encode(), "lock.txt": lock} if early else {"lock.txt": lock}
    yield from workplace.run(
        "export UV_CACHE_DIR=${{UV_CACHE_DIR:-$PWD/cache}} UV_PYTHON_DOWNLOADS=never;"
        " if ! command -v uv >/dev/null; then"
        # --target is not subject to PEP 668: it touches nothing of the distribution's.
        " python3 -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes --target . -r uv.txt;"
        ' PATH="$PWD/bin:$PATH"; fi;'
        " [ -x {env}/bin/python ] || uv venv -q --python /usr/bin/python3 {env};"
        # uv takes what was cut off for installed.
        " for d in {env}/lib/python3*/site-packages/*.dist-info; do {complete} || rm -rf $d; done;"
        # Bytecode: the user may not write it later, and Jupyter would compile itself at every start. With the hash of its
        # source in place of its time, so that two builds give the same.
        " export PYC_INVALIDATION_MODE=CHECKED_HASH;"
        " for list in {lists}; do"
        " uv pip install -q --python {env}/bin/python --require-hashes --no-deps --compile-bytecode -r $list; done;"
        # uv leaves a lock file that anybody may write.
        " rm -f {env}/.lock".format(env=shlex.quote(env), complete=_COMPLETE, lists=" ".join(lists)),
        {"uv.txt": files.source("jupyter/uv.txt"), **lists},
    )
