"""Virtual environments that hold what a lock says, and the bytecode of Python's sources."""

from __future__ import annotations

import shlex
from typing import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from tasks.facts.venv import COMPLETE, PYTHON, Distributions, UncompiledSources
from tasks.lib import managed_files, staging
from tasks.lib.fact_cache import prefetch
from tasks.lib.locks import entries, pins


@operation()
def _packages(env: str, lock: bytes, first: Sequence[str]) -> Generator[staging.Command, None, None]:
    present = host.get_fact(Distributions, env=env)
    if all(f"{name}=={version}" in present for name, version in pins(lock).items()):
        return
    early = [entry for entry in entries(lock.decode()) if pins(entry.encode()).keys() & set(first)]
    lists = {"first.txt": "".join(early).encode(), "lock.txt": lock} if early else {"lock.txt": lock}
    path = shlex.quote(env)
    yield from staging.run(
        "export UV_CACHE_DIR=${UV_CACHE_DIR:-$PWD/cache} UV_PYTHON_DOWNLOADS=never;"
        " if ! command -v uv >/dev/null; then"
        # --target is not subject to PEP 668: it touches nothing of the distribution's.
        " python3 -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes --target . -r uv.txt;"
        ' PATH="$PWD/bin:$PATH"; fi;'
        f" [ -x {path}/bin/python ] || uv venv -q --python {PYTHON} {path};"
        # uv takes what was interrupted for installed.
        f" for d in {path}/lib/python3*/site-packages/*.dist-info; do {COMPLETE} || rm -rf $d; done;"
        # Bytecode: the user may not write it later, and Jupyter would compile itself at every start. With the hash of its
        # source in place of its time, so that two builds give the same.
        " export PYC_INVALIDATION_MODE=CHECKED_HASH;"
        f" for list in {' '.join(lists)}; do"
        f" uv pip install -q --python {path}/bin/python --require-hashes --no-deps --compile-bytecode -r $list; done;"
        # uv leaves a lock file that anybody may write.
        f" rm -f {path}/.lock",
        {"uv.txt": managed_files.source("jupyter/uv.txt"), **lists},
    )


def packages(name: str, env: str, lock: bytes, first: Sequence[str] = ()) -> None:
    """Make a virtual environment hold exactly the versions of a lock, as one operation; what else is in it stays.

    pyinfra's pip.packages takes a lock for a change each time, and flit_core is never flit-core. pip takes ten times as long
    as uv, which is fetched for the one command that needs it and does not stay.

    Args:
        name: of the operation.
        env: path of the environment; made with the distribution's python3 if missing.
        lock: text of a requirements file with hashes, as uv and pip read it.
        first: names of packages to install before the others, because another one brings a file of the same name and
            uv, which installs in parallel, would leave now the one and now the other.
    """
    prefetch(Distributions, env=env)
    _packages(name=name, env=env, lock=lock, first=first)


def compile_all(paths: Sequence[str]) -> StringCommand:
    """Say the command that makes the bytecode of Python sources, and of all in folders."""
    listed = " ".join(shlex.quote(path) for path in paths)
    return StringCommand(f"umask 022; {PYTHON} -IS -m compileall -q -f --invalidation-mode checked-hash {listed}")


@operation()
def compiled(folder: str) -> Generator[StringCommand, None, None]:
    """Have bytecode that fits for all Python sources below ``folder``. pyinfra has no operation for it."""
    missing = host.get_fact(UncompiledSources, folder=folder)
    if missing:
        yield compile_all(missing)
