"""Virtual environments that hold what a lock says, and the bytecode of Python's sources."""

from __future__ import annotations

import os
import shlex
from typing import Dict, Generator, Sequence

from packaging.utils import canonicalize_name
from pyinfra import host
from pyinfra.api import StringCommand, operation

from tasks.facts.venv import COMPLETE, Distributions, UncompiledSources, VenvDamage, venv_check
from tasks.lib import managed_files, staging, target_python
from tasks.lib.fact_cache import prefetch
from tasks.lib.locks import entries, pins
from tasks.lib.progress import say
from tasks.lib.target_python import PYTHON


@operation()
def _packages(
    env: str, lock: bytes, first: Sequence[str], ours: Sequence[str]
) -> Generator[staging.Command, None, None]:
    present, damage = host.get_fact(Distributions, env=env), host.get_fact(VenvDamage, env=env, ours=ours)
    if damage.failed:
        yield StringCommand(f"{venv_check('damage', env, ours)} >/dev/null")  # which says why, if it still does
        return
    wanted = pins(lock)
    damaged = [folder for name, folder in damage.damaged.items() if is_pinned(name, wanted)]
    missing = not all(f"{name}=={version}" in present for name, version in wanted.items())
    for path in damage.aside:
        say(f"{path} was in the way, or not root's, and is set aside as {path}.set-aside-...")
    if damaged:
        say("not as it was installed, and installed again: " + " ".join(os.path.basename(path) for path in damaged))
    if damage.mend:
        yield StringCommand(venv_check("mend", env, ours))
    path, record = shlex.quote(env), venv_check("record", env, ours)
    if not (missing or damaged or damage.unknown):
        if damage.mend:
            yield StringCommand(record)
        return
    early = [entry for entry in entries(lock.decode()) if pins(entry.encode()).keys() & set(first)]
    lists = {"first.txt": "".join(early).encode(), "lock.txt": lock} if early else {"lock.txt": lock}
    again = "false" if damage.unknown else f"[ -x {path}/bin/python ]"
    yield from staging.run(
        "export UV_CACHE_DIR=${UV_CACHE_DIR:-$PWD/cache} UV_PYTHON_DOWNLOADS=never;"
        # The image's own uv, which may be on PATH, refuses root.
        " if ! uv --version >/dev/null 2>&1; then"
        # --target is not subject to PEP 668: it touches nothing of the distribution's.
        # Whoever has pip refuse what is in no environment means people, and what they install.
        f" PIP_REQUIRE_VIRTUALENV=0 PIP_USER=0 {PYTHON} -m pip install -q --target . --require-hashes"
        " --no-cache-dir --disable-pip-version-check -r uv.txt;"
        ' PATH="$PWD/bin:$PATH"; fi;'
        f" {again} || uv venv -q --allow-existing --python {PYTHON} {path};"
        # uv takes what was interrupted for installed, and does not look at files that are.
        f" rm -rf {' '.join(shlex.quote(folder) for folder in damaged)};"
        f" for d in {path}/lib/python3*/site-packages/*.dist-info; do {COMPLETE} || rm -rf $d; done;"
        # Bytecode: the user may not write it later, and Jupyter would compile itself at every start. With the hash of its
        # source in place of its time, so that two builds give the same.
        " export PYC_INVALIDATION_MODE=CHECKED_HASH;"
        f" for list in {' '.join(lists)}; do"
        f" uv pip install -q --python {path}/bin/python --require-hashes --no-deps --compile-bytecode -r $list; done;"
        # uv leaves a lock file that anybody may write. The files are links to those of its cache, and change when these go: what
        # changes after the record is read again by each run.
        f" rm -rf {path}/.lock cache; {record}",
        {"uv.txt": managed_files.source("jupyter/uv.txt"), **lists},
    )


def is_pinned(name: str, wanted: Dict[str, str]) -> bool:
    """Return whether a lock has a distribution, by the name of its dist-info folder (``name-version``)."""
    return canonicalize_name(name.rpartition("-")[0]) in wanted


def packages(name: str, env: str, lock: bytes, ours: Sequence[str], first: Sequence[str] = ()) -> None:
    """Make a virtual environment hold the versions of a lock, with all files as they were installed, as one operation.

    What else is in it, and root's, stays.

    pyinfra's pip.packages takes a lock for a change each time, and flit_core is never flit-core. pip takes ten times as long
    as uv, which is fetched for the one command that needs it and does not stay.

    Args:
        env: path of the environment; made with the distribution's python3 if missing.
        lock: text of a requirements file with hashes, as uv and pip read it.
        ours: paths in it that other operations look after.
        first: names of packages to install before the others, because another one brings a file of the same name and
            uv, which installs in parallel, would leave now the one and now the other.
    """
    prefetch(Distributions, env=env)
    prefetch(VenvDamage, env=env, ours=ours)
    _packages(name=name, env=env, lock=lock, first=first, ours=ours)


@operation()
def compiled(folder: str) -> Generator[StringCommand, None, None]:
    """Have bytecode that fits for all Python sources below ``folder``. pyinfra has no operation for it."""
    if host.get_fact(UncompiledSources, folder=folder):
        yield StringCommand(target_python.command("jupyter/bytecode_check", ["compile", folder]))
