"""What differs between two captures.

Compared is what a notebook gets: the versions of Python, of R and of each package that is beyond the image in one of the
two, wherever it comes from there: beyond the image, or with it. A package of a repository is the same whether apt brought it
or it was compiled; one of a commit, an address or a file is the same if that is.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from melda.envs import Json
from melda.envs.entries import REPOSITORIES

IDENTITY = ("url", "commit", "owner", "repository", "subdirectory")


class Change(NamedTuple):
    """One difference; None: not there.

    Attributes:
        kind: system, python or r.
        name: of the package, or of what differs.
        before, after: version, with the source where that is what differs.
    """

    kind: str
    name: str
    before: Optional[str]
    after: Optional[str]

    def line(self) -> str:
        """Return the change for a reader, as a diff marks it."""
        label = self.name if self.name.startswith(self.kind) else f"{self.kind} {self.name}"
        if self.before is None:
            return f"+ {label} {self.after}"
        if self.after is None:
            return f"- {label} {self.before}"
        return f"~ {label} {self.before} -> {self.after}"


Package = Tuple[str, str, str]  # version, identity of the source, digest of the content


def identity(entry: Json) -> str:
    """Return what makes two packages of one version different ones."""
    source = entry["source"]
    if source["type"] in REPOSITORIES:
        return ""
    output = " ".join(str(source[name]) for name in IDENTITY if source.get(name))
    return "{0} {1}".format(source["type"], output).strip()


def same_version(one: str, other: str) -> bool:
    """Are these one version? R writes 1.2-3 and 1.2.3 for the same; an empty one is not known."""
    return not one or not other or one.replace("-", ".") == other.replace("-", ".")


def _packages(part: Json) -> Dict[str, Package]:
    found: Dict[str, Package] = {name: (version, "", "") for name, version in part.get("image", {}).items()}
    for entry in part["packages"]:
        found[entry["name"]] = (entry["version"], identity(entry), entry.get("record", ""))
    return found


def _differ(one: Package, other: Package) -> bool:
    contents = one[2] and other[2] and one[2] != other[2]
    return not same_version(one[0], other[0]) or one[1] != other[1] or bool(contents)


def _shown(package: Optional[Package], other: Optional[Package]) -> Optional[str]:
    if package is None:
        return None
    version, origin, digest = package
    if other is None or not same_version(version, other[0]):
        return version
    if origin != other[1]:
        return "{0} ({1})".format(version, origin or "repository")
    return f"{version} ({digest[:19]})"


def _of(kind: str, before: Json, after: Json, everything: bool) -> List[Change]:
    changes = []
    if before["version"] != after["version"]:
        changes.append(Change(kind, kind, before["version"] or None, after["version"] or None))
    one, other = _packages(before), _packages(after)
    names = {entry["name"] for part in (before, after) for entry in part["packages"]}
    if everything:
        names = one.keys() | other.keys()
    for name in sorted(names):
        mine, theirs = one.get(name), other.get(name)
        if mine is None or theirs is None or _differ(mine, theirs):
            changes.append(Change(kind, name, _shown(mine, theirs), _shown(theirs, mine)))
    return changes


def _system(before: Json, after: Json, everything: bool) -> List[Change]:
    names = ["distribution", "release"] + (["architecture", "base", "image"] if everything else [])
    pairs = [(name, before.get(name) or None, after.get(name) or None) for name in names]
    if everything:
        one, other = before.get("packages", {}), after.get("packages", {})
        pairs += [(name, one.get(name), other.get(name)) for name in sorted(one.keys() | other.keys())]
    return [Change("system", name, mine, theirs) for name, mine, theirs in pairs if mine != theirs]


def compare(before: Json, after: Json, everything: bool = False) -> List[Change]:
    """Return what differs, in a stable order: the system, Python, R, and in each by name.

    Args:
        before, after: captures.
        everything: also what does not come from the user: the image, its packages, and what apt brought beside R packages.
    """
    changes = _system(before["system"], after["system"], everything)
    for kind in ("python", "r"):
        changes += _of(kind, before[kind], after[kind], everything)
    return changes
