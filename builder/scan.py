"""``make scan``: known holes of what is in an image, and of the locks, as OSV (https://osv.dev) knows them.

OSV holds PyPI's, Debian's and Ubuntu's advisories under one interface, so one question does what pip-audit and debsecan do.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import requests

from builder import host, sbom
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("files/packages/locks", "files/jupyterhub/locks", "builder/pyinfra", "requirements")
URL = os.environ.get("OSV_URL") or "https://api.osv.dev"
BATCH = 1000  # the most that OSV takes at once
TIMEOUT = (5, 60)
# Beside PyPI's: distribution as a bill of materials names it -> OSV's name of it, which a release follows.
ECOSYSTEMS = {"debian": "Debian", "ubuntu": "Ubuntu"}


@dataclass(frozen=True, order=True)
class Package:
    """A package as OSV asks for it: of Debian's packages, the source."""

    ecosystem: str
    name: str
    version: str


def of_purl(purl: str) -> Package | None:
    """Return the package that a package URL (https://github.com/package-url/purl-spec) names; None if OSV has no such kind."""
    found = re.fullmatch(r"pkg:(\w+)/(?:([^/@]+)/)?([^/@]+)@([^?#]+)(?:\?([^#]*))?(?:#.*)?", purl)
    if not found:
        return None
    kind, namespace, name, version, more = found.groups()
    qualifiers = {key: values[0] for key, values in parse_qs(more or "").items()}
    version = unquote(version)
    if kind == "pypi":
        return Package("PyPI", unquote(name).lower(), version)
    if kind == "deb" and namespace in ECOSYSTEMS:
        release = qualifiers.get("distro", "").partition("-")[2]
        # syft: upstream=NAME or NAME@VERSION, where the source is called otherwise.
        source, _, of_source = qualifiers.get("upstream", "").partition("@")
        suffix = ":LTS" if namespace == "ubuntu" and release.endswith(".04") else ""
        ecosystem = f"{ECOSYSTEMS[namespace]}:{release}{suffix}" if release else ECOSYSTEMS[namespace]
        return Package(ecosystem, source or unquote(name), of_source or version)
    return None


def of_image(image: str) -> set[Package]:
    """Return what the bill of materials of an image lists.

    Raises:
        BuildError: there is none.
    """
    path = sbom.path(image)
    try:
        components = json.loads(path.read_text(encoding="utf-8"))["components"]
        found = (of_purl(str(component.get("purl", ""))) for component in components)
        return {package for package in found if package}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(
            f"invalid IMAGE={image}: expected one whose bill of materials is at {path}; `make image` writes it ({error})"
        ) from None


def of_locks(root: Path = ROOT) -> dict[Package, set[str]]:
    """Return what the locks list, and in which of them it stands."""
    found: dict[Package, set[str]] = {}
    for path in sorted(path for folder in LOCKS for path in (root / folder).glob("*.txt")):
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE):
            found.setdefault(Package("PyPI", name.lower(), version), set()).add(str(path.relative_to(root)))
    return found


def _ask(packages: list[Package], tokens: list[str]) -> list[dict[str, Any]]:
    queries = [
        {"package": {"ecosystem": one.ecosystem, "name": one.name}, "version": one.version}
        | ({"page_token": token} if token else {})
        for one, token in zip(packages, tokens, strict=True)
    ]
    try:
        with requests.post(
            URL + "/v1/querybatch", json={"queries": queries}, timeout=TIMEOUT, verify=host.ca_bundle() or True
        ) as answer:
            answer.raise_for_status()
            results = answer.json()["results"]
    except (requests.exceptions.RequestException, ValueError, KeyError, TypeError) as error:
        raise BuildError(f"known holes cannot be asked for: {URL} does not answer ({type(error).__name__})") from None
    if len(results) != len(packages):
        raise BuildError(f"known holes cannot be asked for: {URL} answers {len(results)} of {len(packages)} questions")
    return list(results)


def holes(packages: set[Package]) -> dict[Package, set[str]]:
    """Return the packages that have known holes, and their names.

    Raises:
        BuildError: OSV cannot be asked: nothing is known then, and nothing is not none.
    """
    found: dict[Package, set[str]] = {}
    waiting = [(package, "") for package in sorted(packages)]
    while waiting:
        now, waiting = waiting[:BATCH], waiting[BATCH:]
        results = _ask([package for package, _ in now], [token for _, token in now])
        for (package, _), result in zip(now, results, strict=True):
            names = {str(hole["id"]) for hole in result.get("vulns") or []}
            if names:
                found.setdefault(package, set()).update(names)
            if result.get("next_page_token"):
                waiting.append((package, str(result["next_page_token"])))
    return found


def report(image: str, root: Path = ROOT) -> tuple[str, bool]:
    """Ask for all, and return a table, and whether it is empty."""
    inside, locks = of_image(image), of_locks(root)
    found = holes(inside | locks.keys())
    lines = []
    for package in sorted(found):
        where = ([image] if package in inside else []) + sorted(locks.get(package, ()))
        shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if len(where) > 3 else "")
        names = sorted(found[package])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        lines.append(f"  {package.name} {package.version}  {', '.join(names[:5])}{more}  ({shown})")
    counted = f"{len(inside)} packages of {image}, {len(locks)} of the locks"
    head = f"{len(found)} with known holes, of {counted}" if found else f"no known holes: {counted}"
    return "\n".join([head, *lines]), not found
