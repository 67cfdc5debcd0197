"""Which release the target runs, looked up in the table."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

from pyinfra import host
from pyinfra.api import DeployError, FactBase

from tasks.releases import RELEASES, Release


class OsRelease(FactBase[Dict[str, str]]):
    """The target's os-release and Debian architecture, as ``{"ID", "VERSION_CODENAME", ..., "ARCHITECTURE"}``."""

    def command(self) -> str:
        return "cat /etc/os-release; echo ARCHITECTURE=$(dpkg --print-architecture 2>/dev/null)"

    @staticmethod
    def default() -> Dict[str, str]:
        return {}

    def process(self, output: List[str]) -> Dict[str, str]:
        pairs = (line.split("=", 1) for line in output if "=" in line)
        return {key.strip(): value.strip().strip('"') for key, value in pairs}


class Target(NamedTuple):
    """The target's row of the table, its codename and its Debian architecture."""

    codename: str
    architecture: str
    release: Release


def lookup(facts: Dict[str, str]) -> Target:
    """Find the row for what os-release says.

    Raises:
        DeployError: there is no row, in one line that says which releases have one.
    """
    codename = facts.get("VERSION_CODENAME", "")
    if codename not in RELEASES:
        named = facts.get("PRETTY_NAME") or facts.get("ID") or "a system without os-release"
        known = ", ".join("{0} ({1} {2})".format(c, r.distribution, r.version) for c, r in RELEASES.items())
        raise DeployError(
            "release: {0} (codename {1!r}) has no row in tasks/releases.py; known: {2}".format(named, codename, known)
        )
    return Target(codename, facts.get("ARCHITECTURE", ""), RELEASES[codename])


_TARGETS: Dict[Tuple[int, str], Target] = {}


def target() -> Target:
    """The current host's row; asks it once a run, because a release does not change under a deploy."""
    key = (id(host.state), host.name)
    if key not in _TARGETS:
        _TARGETS[key] = lookup(host.get_fact(OsRelease))
    return _TARGETS[key]
