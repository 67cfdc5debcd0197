"""Which Python packages are to be installed, before any is: exact versions, all that they need, and what addresses hold."""

from __future__ import annotations

import re
from typing import Collection, Dict, List, Tuple

from melda.envs import Json
from melda.envs.errors import PackageUnavailable
from melda.envs.formats import freeze
from melda.envs.formats.reading import COMPLETE, WANTS
from melda.envs.restore import resolve
from melda.envs.restore.plan import Problem
from melda.envs.restore.python import Installer
from melda.envs.restore.wanted import lines


def settle(
    installer: Installer, wanted: Json, here: Json, missing: Collection[str], dry: bool
) -> Tuple[List[Json], List[Problem]]:
    """Find out what is to be installed: exact versions of all that is wanted, and of what it needs.

    Args:
        installer: installs it later.
        wanted: what the file says.
        here: a capture of this container.
        missing: names of what is not here as it is wanted.
        dry: nothing is built.

    Returns:
        The packages, and those that cannot be had.
    """
    listed = {entry["name"]: entry for entry in wanted["python"]["packages"]}
    lost = _fetched_all(installer, listed, missing)
    wants = wanted.get(WANTS)
    pre = bool(wants and wants["pre"])
    resolver = resolve.Resolver(installer.run, installer.python, installer.folder, pre, hashes=not dry)
    there = {**here["python"]["image"], **{one["name"]: one["version"] for one in here["python"]["packages"]}}
    if wants is None:
        pins = [freeze.line(one) for one in listed.values() if dry and _to_be_found(one, there)]
        found = resolver.resolve(pins, [], there, deps=False)
        return _settled(listed, found, {}, there), lost + _failed(found.failures)
    needs = installer.needs()
    local = _local(installer.fetched, wants["direct"], needs, dry)
    installer.say("resolving what is wanted, and what that needs")
    found, broken = resolver.around([*wants["requirements"], *local], wants["constraints"], there, needs)
    if wanted.get(COMPLETE) and found.failures:
        # A lock may hold what no resolver would find: it is taken as it is, and what does not fit is said at the end.
        alone = resolver.resolve(list(found.failures), [], there, deps=False)
        left = {one: why for one, why in found.failures.items() if one in alone.failures}
        found = found._replace(
            versions={**alone.versions, **found.versions}, hashes={**alone.hashes, **found.hashes}, failures=left
        )
    lost += _failed(found.failures)
    lost += [
        Problem("python", name, there.get(name, ""), f"it {why}: after this it no longer fits")
        for name, why in broken.items()
    ]
    return _settled(listed, found, wants, there), lost


def _fetched_all(installer: Installer, listed: Dict[str, Json], missing: Collection[str]) -> List[Problem]:
    """Fetch what is from an address or a commit; what cannot be fetched is taken off the list."""
    lost = []
    for entry in [one for name, one in listed.items() if name in missing]:
        try:
            lines(installer.site, entry)
            if entry["source"]["type"] in ("vcs", "url"):
                installer.fetch(entry)
        except PackageUnavailable as error:
            lost.append(Problem("python", entry["name"], entry["version"], str(error)))
            del listed[entry["name"]]
    return lost


def _local(fetched: Dict[str, str], extras: Dict[str, List[str]], needs: resolve.Needs, dry: bool) -> List[str]:
    """Return requirements of what is from addresses: its copies, and of what is here already, what that needs."""
    found = []
    for name, address in () if dry else fetched.items():
        extra = "[{0}]".format(",".join(extras[name])) if extras.get(name) else ""
        found.append(f"{name}{extra} @ {address}")
    for name in extras.keys() - fetched.keys():
        found += resolve.needed(name, extras[name], needs)
    return found


def _settled(listed: Dict[str, Json], found: resolve.Found, wants: Json, there: Dict[str, str]) -> List[Json]:
    failed = {resolve.name_of(one) for one in found.failures if " @ " not in one} - found.versions.keys()
    result = {name: dict(entry) for name, entry in listed.items() if name not in failed}
    for name, version in found.versions.items():
        hashes = {"hashes": found.hashes[name]} if found.hashes.get(name) else {}
        if name in result and version and result[name]["source"]["type"] == "index" and not result[name].get("record"):
            result[name] = {**hashes, **result[name]}
        elif name not in result and version and (there.get(name) != version):
            result[name] = {"name": name, "version": version, "source": {"type": "index"}, **hashes}
    return [result[name] for name in sorted(result)]


def _failed(failures: Dict[str, str]) -> List[Problem]:
    found = []
    for one, why in failures.items():
        version = re.fullmatch(r"[^=<>!~@]+={2,3}([^,;*]+)", one)
        found.append(Problem("python", resolve.name_of(one), version.group(1).strip() if version else "", why))
    return found


def _to_be_found(entry: Json, there: Dict[str, str]) -> bool:
    return bool(entry["source"]["type"] == "index" and there.get(entry["name"]) != entry["version"])
