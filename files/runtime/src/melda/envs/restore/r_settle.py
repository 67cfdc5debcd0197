"""Which R packages are to be installed, before anything is fetched: exact versions, R's own names, in which way and order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from melda.envs import Json
from melda.envs.diff import same_version
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import nearest, repositories, sources

AT_ONCE = 8  # requests
REPOSITORIES = ("cran", "apt", "bioconductor")
Limits = Sequence[Sequence[str]]  # operators and versions


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


def _fits(version: str, limits: Limits) -> bool:
    try:
        return all(_allows(operator, nearest.r_key(version), given) for operator, given in limits)
    except ValueError:
        return False


def _allows(operator: str, key: List[int], given: str) -> bool:
    limit = nearest.r_key(given[:-2] if given.endswith(".*") else given)
    if operator in ("=", "!="):
        begins = key[: len(limit)] == limit if operator == "=" or given.endswith(".*") else key == limit
        return begins is (operator == "=")
    return {"<": key < limit, "<=": key <= limit, ">": key > limit, ">=": key >= limit}[operator]


def _shown(limits: Limits) -> str:
    return ", ".join(f"{given}.*" if operator == "=" else f"{operator} {given}" for operator, given in limits)


def other_r(limits: Limits, here: str) -> str:
    """Return that this is no R that a file allows; empty: it is one, or there is none."""
    return (
        f"this container has R {here}, and the file needs {_shown(limits)}" if here and not _fits(here, limits) else ""
    )


def _spelled(name: str, known: Known) -> str:
    """R's own name: conda has all in lower case."""
    if name in known.there or name != name.lower():
        return name
    names = {one.lower(): one for one in known.there}
    if name not in names:
        names = {one.lower(): one for one in known.current()}
    return names.get(name, name)


def settle(wanted: Sequence[Json], limits: Mapping[str, Limits], known: Known) -> Tuple[List[Json], Dict[str, str]]:
    """Give each package of a repository that has no version the one that can be had.

    Args:
        wanted: entries; those without a version take any.
        limits: by name, which versions are allowed, as Reading.limit has them.
        known: what is known here.

    Returns:
        The entries, and by name why there is none.
    """
    found: List[Json] = []
    failures: Dict[str, str] = {}
    for entry in wanted:
        allowed = limits.get(entry["name"], ())
        if entry["version"] and not _fits(entry["version"], allowed):
            failures[entry["name"]] = "{0} is no version {1}".format(entry["version"], _shown(allowed))
            continue
        if entry["source"]["type"] not in REPOSITORIES or (entry["version"] and entry["name"] != entry["name"].lower()):
            found.append(entry)
            continue
        name = _spelled(entry["name"], known)
        version = entry["version"] or _version(name, allowed, known)
        if version:
            found.append({**entry, "name": name, "version": version})
        else:
            needed = f" in a version {_shown(allowed)}" if allowed else ""
            failures[name] = f"neither apt nor CRAN nor Bioconductor is known to have it{needed}"
    return found, failures


def _version(name: str, limits: Limits, known: Known) -> str:
    """Return a version that is allowed: what is there or in apt, or is had now, else the very one, else the highest."""
    for version in (known.there.get(name, ""), known.in_apt.get(name.lower(), ""), known.current().get(name, "")):
        if version and _fits(version, limits):
            return version
    if all(operator in (">", ">=") for operator, _ in limits):
        return ""  # what was had before is older
    found = [one for one in known.versions(name) if _fits(one, limits)]
    named = [given for operator, given in limits if operator == "=" and given in found]
    return named[0] if named else max(found, key=nearest.r_key, default="")


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


class Ways(NamedTuple):
    """How each package will be had: apt's binary, a copy that was kept, or its source."""

    apt: List[Json]
    kept: List[Json]
    source: List[Json]


def ways(entries: Sequence[Json], in_apt: Dict[str, str]) -> Ways:
    """Decide how each package is had.

    Args:
        entries: wanted.
        in_apt: version by name, in lower case, of what apt has.
    """
    found = Ways([], [], [])
    for entry in entries:
        binary = in_apt.get(entry["name"].lower(), "")
        if "file" in entry:
            found.kept.append(entry)
        elif binary and entry["source"]["type"] in REPOSITORIES and same_version(binary, entry["version"]):
            found.apt.append(entry)
        else:
            found.source.append(entry)
    return found


def ordered(entries: Sequence[Json], needs: Dict[str, Set[str]]) -> List[Json]:
    """``entries``, each after those of them that it needs; a circle is cut somewhere."""
    by_name = {entry["name"]: entry for entry in entries}
    found: List[Json] = []
    seen: Set[str] = set()
    for start in sorted(by_name):
        waiting = [(start, False)]
        while waiting:
            name, after = waiting.pop()
            if after:
                found.append(by_name[name])
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                waiting += [
                    (one, False)
                    for one in sorted(needs.get(name, ()), reverse=True)
                    if one in by_name and one not in seen
                ]
    return found
