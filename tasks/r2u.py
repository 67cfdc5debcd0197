"""r2u: CRAN's packages as apt packages, preferred over the distribution's.

On Debian, where r2u does not exist, Debian's own r-cran-* packages play its part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from pyinfra import host, logger
from pyinfra.api import DeployError

from tasks.debian_packages import PACKAGES
from tasks.facts.files import FileContents, PathStats
from tasks.lib import managed_list, omitted, openpgp
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ROOT, ManagedFile, source
from tasks.lib.release import target
from tasks.operations import apt
from tasks.settings import deploy

KEYRING = "/etc/apt/keyrings/r2u.asc"
SOURCES = "/etc/apt/sources.list.d/r2u.sources"
PIN = "/etc/apt/preferences.d/r2u"
R_KEYRING = "/etc/apt/keyrings/cran-r.asc"
R_SOURCES = "/etc/apt/sources.list.d/cran-r.sources"


def sources(mirror: str, suite: str, architecture: str, keyring: str, components: str) -> bytes:
    """Write a deb822 sources file that binds one repository to its own key."""
    lines = (
        "# Managed by melda-jupyter. Signed-By binds this repository to its key; the key is trusted for nothing else.",
        "Types: deb",
        f"URIs: {mirror}",
        f"Suites: {suite}",
        *([f"Components: {components}"] if components else ()),
        f"Architectures: {architecture}",
        f"Signed-By: {keyring}",
    )
    return "".join(line + "\n" for line in lines).encode()


def _repository(name: str, source_name: str, mirror: str, suite: str, files: Dict[str, bytes]) -> None:
    entries = [ManagedFile("/etc/apt/keyrings", mode="755", linked=True)]
    entries += [ManagedFile(path, content) for path, content in files.items()]
    managed_list.keep(entries)
    prefetch(PathStats, paths=[entry.path for entry in entries])
    apt.repository(name=name, source=source_name, mirror=mirror, suite=suite, entries=entries)


def _add_r2u(suite: str) -> None:
    data = host.data
    key = (ROOT / "files" / data.r2u_key).read_bytes()
    found = openpgp.fingerprint(key)
    if found != data.r2u_fingerprint:
        raise DeployError(
            f"invalid r2u_key={data.r2u_key!r}: expected the key with r2u_fingerprint={data.r2u_fingerprint}, it has {found}"
        )
    text = sources(data.r2u_mirror, suite, target().architecture, KEYRING, "main")
    files = {KEYRING: key, PIN: source("r2u/preferences"), SOURCES: text}
    _repository("Add r2u's repository, its key and its pin", "r2u", data.r2u_mirror, suite, files)


def _add_r(suite: str) -> None:
    mirror = host.data.r_mirror
    text = sources(mirror, suite, target().architecture, R_KEYRING, "")
    files = {R_KEYRING: Path(host.data.r_key).read_bytes(), R_SOURCES: text}
    _repository("Add CRAN's repository with the R that r2u is built for", "r", mirror, suite, files)


def _suite() -> str:
    return str(host.data.r2u_suite or target().release.r2u_suite or "")


def _built(architecture: str) -> bool:
    built = target().release.r2u_architectures
    return not built or architecture in built


def brings_r() -> bool:
    """Say whether R's packages have to wait for a repository of this concern, because it has newer ones."""
    here = target()
    return bool((here.release.r_suite and host.data.r_key) or (_suite() and _built(here.architecture)))


@deploy("r2u")
def r2u() -> None:
    prefetch(FileContents, path=omitted.PATH)
    here = target()
    release = here.release
    suite = _suite()
    if release.r_suite and host.data.r_key:
        _add_r(release.r_suite + "/")
    if not suite:
        logger.info(
            f"    r2u has no {release.distribution} {release.version}:"
            f" {release.distribution}'s own r-cran-* packages play its part"
        )
    elif not _built(here.architecture):
        logger.info(f"    r2u has no {suite} for {here.architecture}")
    else:
        _add_r2u(suite)
        apt.upgrade(name="Upgrade to r2u's packages")
    apt.packages(name="Install R, its kernel for Jupyter and jsonlite", packages=PACKAGES["r"])
