"""What a reader has found so far: entries that can be used, requirements to be resolved, and what costs itself alone."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

from melda.base import regular_files
from melda.base.addresses import hide
from melda.envs import Json, document, entries
from melda.envs.errors import Unusable, UsageError
from melda.envs.formats import placeholders, scripts
from melda.versions import libraries

# Beside the schema's fields, and for restore alone.
WANTS, NOTES, LIMITS, COMPLETE = "wants", "notes", "limits", "complete"
INDEX = {"type": "index"}
HASH = re.compile(r"(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
PLAIN = re.compile(r"[A-Za-z0-9.,!*+_<>=~ -]*")
EXTRA = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)
DEEPEST, MOST_FILES = 8, 50


def normal(name: str) -> str:
    """Return a Python package's name as an index spells it."""
    return libraries.normal(name.strip())


def exact(specifier: Any) -> str:
    """Return the one version that a specifier allows; empty if there may be several."""
    found = [one.version for one in specifier if one.operator in ("==", "===")]
    return str(found[0]) if len(found) == 1 == len(list(specifier)) and "*" not in found[0] else ""


def applies(marker: Any) -> bool:
    """Is a requirement for this Python and system?

    Args:
        marker: packaging's, its text, or None.

    Raises:
        Unusable: it is no marker.
    """
    from packaging.markers import Marker  # noqa: PLC0415 not with the launcher's Python

    if re.search(r"python(_full)?_version\s*([=<>!~]=|[<>])\s*['\"]\s*[^\d'\"]", str(marker)):
        raise Unusable(f"invalid marker: {str(marker)!r} compares with no version")
    try:
        return not marker or bool(Marker(str(marker)).evaluate({"extra": ""}))
    except Exception as error:  # packaging raises its own, and those of versions that it compares
        raise Unusable(f"invalid marker: {str(error).splitlines()[0]}") from None


def requirement(text: str) -> Any:
    """Return a requirement (PEP 508).

    Raises:
        Unusable: it is none.
    """
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 not with the launcher's Python

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise Unusable(f"no requirement: {hide(str(error).splitlines()[0])[:200]}") from None


class Reading:
    """Collects what a file says.

    Args:
        path: of the file; names it in messages, and files beside it may be included.
    """

    def __init__(self, path: str) -> None:
        self.path, self._in_document = path, scripts.is_document(path)
        self.versions = {"python": "", "r": ""}
        self.pre = self.complete = False
        self.misread = self.understood = 0  # lines
        self.size = 0  # how often something was found that can be used, or cannot
        self._problems: Dict[Tuple[str, ...], Json] = {}  # by all that they say: a log has thousands
        self._notes: Dict[str, None] = {}
        self.constraints: List[str] = []
        self._limits: Dict[str, List[List[str]]] = {}  # of R's packages, and of R itself
        self._wants: Dict[str, str] = {}
        self._direct: Dict[str, Set[str]] = {}  # extras of what is from an address or a commit, by name
        self._entries: Dict[str, Dict[str, Json]] = {"python": {}, "r": {}}
        self._included: List[str] = [os.path.realpath(path)]
        self.located: Callable[[str], str] = str  # where a file lies that a Dockerfile's image has elsewhere

    def begin(self) -> None:
        """Begin another part of a document: what it includes and whether it names anything is its own matter."""
        self.size = 0
        del self._included[1:]

    def bad(self, kind: str, name: str, reason: str, version: str = "") -> None:
        """Note an entry that cannot be used; nothing of it is cut off before secrets are hidden: half a secret has no @."""
        self.size += 1
        self._tell([document.problem(kind, name, reason, version)])

    def _tell(self, problems: Iterable[Json]) -> None:
        for one in problems:
            self._problems.setdefault(tuple(one.values()), one)

    @property
    def problems(self) -> List[Json]:
        """What cannot be used, each once."""
        return list(self._problems.values())

    @problems.setter
    def problems(self, given: Iterable[Json]) -> None:
        self._problems = {}
        self._tell(given)

    def say(self, text: str) -> None:
        """Something is ignored, or done in another way, and costs nothing."""
        self._notes.setdefault(hide(text)[:300])

    @property
    def notes(self) -> List[str]:
        """What was said, each once."""
        return list(self._notes)

    def not_asked(self, index: str) -> None:
        """Say that another index than PyPI is not asked; its packages may be there under the same name all the same.

        Args:
            index: its address, or its name if no address is known; empty: none.
        """
        if index and not re.match(
            r"(https://(pypi\.org|pypi\.python\.org|files\.pythonhosted\.org)(/|$))|pypi$", index, re.I
        ):
            self.say(f"the index {index} is not asked, but that of this image's pip")

    def _add(self, kind: str, entry: Json) -> bool:
        self.size += 1
        entry = entries.disarmed_entry(kind, entry)
        reason = placeholders.of(entry, self._in_document) or document.problem_of(kind, entry)
        if reason:
            self.bad(kind, str(entry["name"]), reason, str(entry["version"]))
            return False
        there = self._entries[kind].setdefault(str(entry["name"]), entry)
        # A lock of conda's may have one from conda and from pip, and one of them says its hash.
        if {**there, "hashes": 0} == {**entry, "hashes": 0}:
            there.update({"hashes": sorted({*there.get("hashes", ()), *entry["hashes"]})} if "hashes" in entry else {})
        elif there != entry:
            taken = there["version"] or "the first"
            self.bad(kind, str(entry["name"]), f"it is there twice: {taken} is taken", str(entry["version"]))
        return there == entry

    def _extras(self, name: str, extras: Iterable[str]) -> List[str]:
        """Return what of extras are names; they become a part of what uv reads."""
        found = sorted({str(one) for one in extras})
        for one in found:
            if not EXTRA.fullmatch(one):
                self.bad("python", name, f"invalid extra {one!r:.100}")
        return [one for one in found if EXTRA.fullmatch(one)]

    def python(
        self,
        name: str,
        version: str,
        source: Optional[Json] = None,
        hashes: Iterable[str] = (),
        extras: Iterable[str] = (),
    ) -> None:
        """Note a Python package at one version, address or commit."""
        name, source = normal(name), source or INDEX
        found = sorted(set(hashes))
        entry: Json = {"name": name, "version": str(version), "source": source, **({"hashes": found} if found else {})}
        listed = self._add("python", entry)
        extras = self._extras(name, extras)
        extra = "[{0}]".format(",".join(extras)) if extras else ""
        if listed and source["type"] != "index":
            self._direct.setdefault(name, set()).update(extras)
        elif listed:
            self._wants[f"{name}{extra}=={version}"] = name

    def want(self, name: str, specifier: Any = "", extras: Iterable[str] = ()) -> None:
        """Note a Python package whose version is to be found."""
        self.size += 1
        shown = "" if re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", normal(name)) else "invalid name"
        shown = shown or placeholders.of({"name": name, "source": INDEX}, self._in_document)
        if shown:
            self.bad("python", name, shown)
            return
        if not PLAIN.fullmatch(str(specifier)):  # uv replaces ${NAME} by a variable's value
            self.bad("python", name, f"invalid version {str(specifier)!r}")
            return
        extras = self._extras(name, extras)
        extra = "[{0}]".format(",".join(extras)) if extras else ""
        self._wants[f"{normal(name)}{extra}{specifier}"] = normal(name)

    def called(self, name: str) -> str:
        """Return what PyPI calls a package: its pytorch only says that it is torch."""
        if normal(name) == "pytorch":
            self.say("pytorch is called torch on PyPI")
        return "torch" if normal(name) == "pytorch" else name

    def required(self, one: Any, hashes: Iterable[str] = ()) -> None:
        """Note a requirement as packaging reads it; its address is another's matter."""
        version, one.name = exact(one.specifier), one.name if hashes else self.called(one.name)
        if normal(one.name) in ("python", "pkg-resources"):
            self._itself(one, version)
        elif version:
            self.python(one.name, version, None, hashes, one.extras)
        else:
            self.want(one.name, one.specifier, one.extras)

    def _itself(self, one: Any, version: str) -> None:
        import platform  # noqa: PLC0415

        if normal(one.name) == "pkg-resources":
            self.say("pkg-resources is left out: it is a part of setuptools, which Debian's pip lists by mistake")
        elif one.specifier.contains(platform.python_version(), prereleases=True):
            self.say(f"Python itself is not installed: it is {platform.python_version()}")
        else:
            self.bad("python", "python", f"this container has Python {platform.python_version()}", version)

    def r(self, name: str, version: str, source: Optional[Json] = None, needs: Iterable[str] = ()) -> None:
        """Note an R package; without a version it is any."""
        more = {"needs": sorted(set(needs))} if needs else {}
        origin = source or {"type": "cran", "repository": "CRAN"}
        self._add("r", {"name": name, "version": version, "source": origin, **more})

    def is_of(self, kind: str, version: str) -> None:
        """Note which Python or R this is of: the first that is said, or one that says more of it; what is no version is none."""
        known = self.versions[kind]
        if (not known or version.startswith(known + ".")) and re.fullmatch(r"[0-9]+(\.[0-9]+){1,2}", version):
            self.versions[kind] = version

    def limit(self, name: str, operator: str, version: str) -> None:
        """Note which versions of an R package, or of R, are allowed; all that is said of it counts.

        Args:
            name: of the package; R itself is R.
            operator: one of < <= > >= !=, or = for what begins so.
            version: numbers; after != they may end with .*, for all that begins so.
        """
        there = self._limits.setdefault(name, [])
        if [operator, version] not in there:
            there.append([operator, version])

    def beside(self, name: str, constraints: bool = False) -> str:
        """Return the text of another file of the same folder, which this one includes; empty: it was read, as the same kind.

        Raises:
            Unusable: it cannot be read, or lies elsewhere.
        """
        name, folder = self.located(name), os.path.dirname(self._included[0])
        path = os.path.realpath(os.path.join(folder, name))
        if (
            self.path == document.STDIN
            or os.path.isabs(name)
            or "://" in name
            or not path.startswith(os.path.join(folder, ""))
        ):
            raise Unusable("only files beside this one are included")
        included = path + "\0" * constraints
        if included in self._included:
            return ""
        if len(self._included) > MOST_FILES:
            raise Unusable(f"more than {MOST_FILES} files are included")
        self._included.append(included)
        try:
            return document.decoded(regular_files.read(path, document.LARGEST), name)
        except (OSError, UsageError) as error:
            raise Unusable("it cannot be read: {0}".format(getattr(error, "strerror", None) or error)) from None

    def names(self, kind: str) -> Set[str]:
        """Return the packages of a language that have been found."""
        return {*self._entries[kind], *(self._wants.values() if kind == "python" else ())}

    @property
    def empty(self) -> bool:
        """Has nothing at all been found, of this part?"""
        return not self.size

    def result(self) -> Json:
        """Return the environment, and beside it what is for restore alone."""
        found = document.empty()
        for kind, by_name in self._entries.items():
            found[kind] = {"version": self.versions[kind], "packages": [by_name[name] for name in sorted(by_name)]}
        if self._wants or self._direct:
            direct = {name: sorted(extras) for name, extras in self._direct.items()}
            found[WANTS] = {
                "requirements": list(self._wants),
                "constraints": self.constraints,
                "pre": self.pre,
                "direct": direct,
            }
        beside = {
            document.PROBLEMS: self.problems,
            NOTES: self.notes,
            LIMITS: self._limits,
            COMPLETE: self.complete,
        }
        return {**found, **{name: value for name, value in beside.items() if value}}
