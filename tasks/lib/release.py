"""Which release the target runs, looked up in the table."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from pyinfra import host
from pyinfra.api import DeployError
from pyinfra.facts.deb import DebArch
from pyinfra.facts.server import OsRelease

from tasks.releases import RELEASES, Release


class Target(NamedTuple):
    """The target's row of the table, its codename and its Debian architecture."""

    codename: str
    architecture: str
    release: Release


def lookup(os_release: Dict[str, str], architecture: str) -> Target:
    """Find the row for what os-release and dpkg say.

    Raises:
        DeployError: there is no row, in one line that says which releases have one.
    """
    codename = os_release.get("version_codename", "")
    if codename not in RELEASES:
        named = os_release.get("pretty_name") or os_release.get("id") or "a system without os-release"
        known = ", ".join(f"{c} ({r.distribution} {r.version})" for c, r in RELEASES.items())
        raise DeployError(f"release: {named} (codename {codename!r}) has no row in tasks/releases.py; known: {known}")
    return Target(codename, architecture, RELEASES[codename])


_TARGETS: Dict[Tuple[int, str], Target] = {}


def target() -> Target:
    """Return the current host's row; asks it once a run, because a release does not change under a deploy."""
    key = (id(host.state), host.name)
    if key not in _TARGETS:
        _TARGETS[key] = lookup(host.get_fact(OsRelease) or {}, host.get_fact(DebArch) or "")
    return _TARGETS[key]
