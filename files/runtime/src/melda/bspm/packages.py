"""Installing and removing by apt-get, in one transaction a call."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import time
from typing import Callable, Dict, List, Sequence, Set

from melda.base.paths import LISTS_FETCHED
from melda.bspm import names, record

# Touched when all lists were fetched, by the deploy too; their own times are those of the server's files.
STAMP = LISTS_FETCHED
LISTS = "/var/lib/apt/lists/*_Packages*"
MAX_AGE = 6 * 3600.0  # seconds after which the package lists are fetched again
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# No Recommends: install.packages("IRkernel") brought 556 packages with them. What the user installs is gone with the
# container anyway, so dpkg need not wait for the disk.
OPTIONS = (
    "--yes", "--quiet", "--no-install-recommends",
    "--option", "DPkg::Lock::Timeout=600", "--option", "Dpkg::Options::=--force-confdef",
    "--option", "Dpkg::Options::=--force-confold", "--option", "Dpkg::Options::=--force-unsafe-io",
    "--option", "Dpkg::Use-Pty=false",
)  # fmt: skip

Say = Callable[[str], None]


class Failed(Exception):
    """What the caller is told."""


def _reason(output: str) -> str:
    """Return the lines in which apt says why."""
    errors = [line[3:].strip() for line in output.splitlines() if line.startswith("E: ")]
    return "; ".join(errors) or (output.strip().splitlines() or ["no reason given"])[-1]


def _ask(*command: str) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=ENVIRONMENT, check=False, encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise Failed(_reason(done.stdout))
    return done.stdout


def _run(say: Say, *command: str) -> None:
    """Run ``command`` and pass on what it says while it runs."""
    output: List[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=ENVIRONMENT, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            output.append(line)
            say(line)
    if process.returncode:
        raise Failed(_reason("".join(output)))


def known() -> Set[str]:
    """Return the names of all R packages that apt has."""
    return {name for name in _ask("apt-cache", "pkgnames", "r-").split() if name.startswith(names.PREFIXES)}


def installed() -> Set[str]:
    """Return the names of all installed packages."""
    shown = _ask("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n")
    return {line.split()[1] for line in shown.splitlines() if line[1:2] == "i"}


def refresh(say: Say, max_age: float = MAX_AGE) -> None:
    """Fetch the package lists if they are old or missing. If that fails the old ones have to do."""
    try:
        age = time.time() - os.stat(STAMP).st_mtime
    except OSError:
        age = -1.0
    if 0 <= age < max_age and glob.glob(LISTS):
        return
    say("Fetching apt's package lists...\n")
    try:
        output = _ask("apt-get", "update", "--quiet")
        problems = [line for line in output.splitlines() if line.startswith(("W: ", "E: "))]
        if problems:
            raise Failed(problems[0][3:])
    except Failed as error:
        say(f"apt's package lists stay as they were: {error}\n")
        return
    with open(STAMP, "a", encoding="ascii"):
        os.utime(STAMP)


def _possible(wanted: Dict[str, str]) -> Dict[str, str]:
    """Return those that apt can install: all of them, or as many as it can one by one."""
    try:
        _ask("apt-get", *OPTIONS, "--simulate", "install", *wanted.values())
        return wanted
    except Failed:
        if len(wanted) == 1:
            return {}
    return {name: debian for name, debian in wanted.items() if _possible({name: debian})}


def _install(wanted: Sequence[str], say: Say) -> None:
    before = installed()
    try:
        _run(say, "apt-get", *OPTIONS, "install", *wanted)
    finally:
        # Also of what was interrupted half-way.
        record.write(record.read().installed(wanted, installed() - before))


def install(asked: Sequence[str], say: Say) -> List[str]:
    """Install R packages.

    Returns:
        Those that apt does not have, or cannot install.

    Raises:
        Failed: apt failed.
        ValueError: something else than R packages was asked for.
    """
    checked = names.check(asked)
    refresh(say)
    found, missing = names.in_debian(checked, known())
    possible = _possible(found) if found else {}
    if possible:
        _install(sorted(possible.values()), say)
    return missing + [name for name in found if name not in possible]


def restore(wanted: Sequence[str], say: Say) -> List[str]:
    """Install what a record of another container holds, in one transaction.

    Returns:
        Those that apt does not have, or cannot install.

    Raises:
        Failed: apt failed.
        ValueError: something else than R packages was asked for.
    """
    checked = names.check_debian(wanted)
    refresh(say)
    there, before = known(), installed()
    todo = {name: name for name in checked if name in there and name not in before}
    possible = _possible(todo) if todo else {}
    if possible:
        _install(sorted(possible), say)
    return [name for name in checked if name not in possible and name not in before]


def remove(asked: Sequence[str], say: Say) -> List[str]:
    """Remove R packages that came by :func:`install`.

    Returns:
        Those that apt does not have.

    Raises:
        Failed: something else would go too, or apt failed.
        ValueError: something else than R packages was asked for.
    """
    there = installed()
    found, missing = names.in_debian(names.check(asked), there)
    if found:
        simulated = _ask("apt-get", *OPTIONS, "--simulate", "remove", *found.values())
        going = re.findall(r"^Remv (\S+)", simulated, re.MULTILINE)
        kept = sorted(set(going) - set(record.read().brought))
        if kept:
            raise Failed("{0} belongs to the image and stays".format(", ".join(kept)))
        _run(say, "apt-get", *OPTIONS, "remove", *found.values())
        record.write(record.read().removed(there - installed()))
    return missing


def available() -> List[str]:
    """Return every R package that apt has, as bspm's R code reads it: ``name;version;origin``."""
    import apt  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 only this needs it, and it takes a while

    found = []
    for package in apt.Cache():
        prefix = next((p for p in names.PREFIXES if package.name.startswith(p)), "")
        candidate = package.candidate if prefix else None
        if candidate:
            # The source may have R's spelling (r2u's have), and may be called anything else (r-zoo).
            short, source = package.name[len(prefix) :], candidate.source_name
            source = source[len(prefix) :] if source.startswith(prefix) else source
            name = source if source.lower() == short else short
            version = re.sub(r"\+.*|-[^-]*$", "", candidate.version.split(":", 1)[-1])
            origin = (candidate.origins[0].origin or "apt").replace(" ", "_")
            found.append(f"{name};{version};{origin}")
    return found
