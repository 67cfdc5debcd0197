"""Which R packages are to be installed: exact versions, and R's own spelling of names, before anything is fetched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from melda.envs.errors import PackageUnavailable
from melda.envs.restore import nearest, repositories, sources

Json = Dict[str, Any]
AT_ONCE = 8  # requests
REPOSITORIES = ("cran", "apt", "bioconductor")


class Known(NamedTuple):
    """What is known of R packages here.

    Attributes:
        there: version by name of what is installed.
        in_apt: version by name, in lower case.
        current: asks CRAN and Bioconductor for what they have now; an answer is kept.
        versions: asks CRAN for all versions of a package.
    """

    there: Mapping[str, str]
    in_apt: Mapping[str, str]
    current: Callable[[], Mapping[str, str]]
    versions: Callable[[str], Sequence[str]] = lambda _: ()


def _fits(version: str, least: str) -> bool:
    try:
        return not least or nearest.r_key(version) >= nearest.r_key(least)
    except ValueError:
        return False


def _spelled(name: str, known: Known) -> str:
    """R's own name: conda has all in lower case."""
    if name in known.there or name != name.lower():
        return name
    names = {one.lower(): one for one in known.there}
    if name not in names:
        names = {one.lower(): one for one in known.current()}
    return names.get(name, name)


def settle(
    wanted: Sequence[Json], least: Mapping[str, str], known: Known, begins: Optional[Mapping[str, str]] = None
) -> Tuple[List[Json], Dict[str, str]]:
    """Give each package of a repository that has no version the one that can be had.

    Args:
        wanted: entries; those without a version take any.
        least: the lowest version by name, where one is named.
        known: what is known here.
        begins: with what a version begins by name, where that is named.

    Returns:
        The entries, and by name why there is none.
    """
    found: List[Json] = []
    failures: Dict[str, str] = {}
    for entry in wanted:
        if entry["source"]["type"] not in REPOSITORIES or (entry["version"] and entry["name"] != entry["name"].lower()):
            found.append(entry)
            continue
        low = least.get(entry["name"], "")
        name = _spelled(entry["name"], known)
        first = (begins or {}).get(entry["name"], "")
        version = entry["version"] or (_beginning(name, first, known) if first else _version(name, low, known))
        if version:
            found.append({**entry, "name": name, "version": version})
        else:
            needed = f", of which at least {low} is needed" if low else f" in a version {first}" if first else ""
            failures[name] = f"neither apt nor CRAN nor Bioconductor is known to have it{needed}"
    return found, failures


def _version(name: str, low: str, known: Known) -> str:
    for version in (known.there.get(name, ""), known.in_apt.get(name.lower(), "")):
        if version and _fits(version, low):
            return version
    version = known.current().get(name, "")
    return version if version and _fits(version, low) else ""


def _beginning(name: str, first: str, known: Known) -> str:
    """Return a version that begins so: what is there or in apt, else that very one, else the highest."""
    key = nearest.r_key(first)

    def fits(version: str) -> bool:
        try:
            return nearest.r_key(version)[: len(key)] == key
        except ValueError:
            return False

    for version in (known.there.get(name, ""), known.in_apt.get(name.lower(), ""), known.current().get(name, "")):
        if version and fits(version):
            return version
    found = [one for one in known.versions(name) if fits(one)]
    return first if first in found else max(found, key=nearest.r_key, default="")


def missing(entries: Sequence[Json], at: repositories.Mirrors, env: Dict[str, str]) -> Dict[str, str]:
    """Return why sources cannot be had, by name; nothing is fetched."""

    def why(entry: Json) -> str:
        try:
            sources.look(entry, at, env)
        except PackageUnavailable as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {entry["name"]: reason for entry, reason in zip(entries, pool.map(why, entries)) if reason}
