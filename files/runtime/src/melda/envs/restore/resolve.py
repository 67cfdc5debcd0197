"""Which Python packages are to be installed: what is wanted and all that it needs, as uv resolves it around what is there.

What is there is preferred, and not a limit: as with pip, the user's folder may hold another version than the image. What then
would no longer fit in the image is resolved along.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from melda.base.addresses import hide
from melda.envs.formats.reading import normal
from melda.envs.restore import tools

Needs = Mapping[str, Sequence[str]]  # requirements by name of the distribution
ROUNDS = 5
TRIED_ALONE = 8
FOUND = re.compile(r"^([A-Za-z0-9][\w.-]*)\s*(?:==\s*([^\s;\\]+)|@\s*(\S+))")
HASH = re.compile(r"--hash=(sha\d+:[0-9a-f]+)")
# Nothing is wrong with a package where the index does not answer.
UNREACHABLE = re.compile(
    r"Failed to fetch|error sending request|dns error|tcp connect|operation timed out|certificate", re.IGNORECASE
)
ANSWERED = re.compile(r"HTTP status|404|not found in the package registry", re.IGNORECASE)


class Found(NamedTuple):
    """What was found.

    Attributes:
        versions: by name, of all that is needed.
        hashes: by name.
        failures: by requirement, why it cannot be had.
    """

    versions: Dict[str, str]
    hashes: Dict[str, List[str]]
    failures: Dict[str, str]


def name_of(requirement: str) -> str:
    """Return the name that a requirement begins with."""
    return normal(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def names(name: str, output: str) -> bool:
    """Return whether a program's output names this package."""
    return bool(re.search(r"(?<![\w.-]){0}(?![\w.-]*\w)".format(re.sub("-", "[-_.]", name)), output, re.IGNORECASE))


def reason(output: str) -> str:
    """Why uv gave up, in one line."""
    text = hide(re.sub(r"\s+", " ", re.sub(r"[^\x00-\x7f]+", " ", output)).strip())
    found = re.search(r"(Because .*?)(?: And because| hint:|$)", text)
    return (found.group(1) if found else text or "no reason given")[:300]


def _wrong(need: str, versions: Mapping[str, str]) -> Tuple[str, str]:
    """Name, and what is wrong: a requirement of a distribution that the versions do not meet; empty if they do."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 not with the launcher's Python
    from packaging.version import InvalidVersion  # noqa: PLC0415

    try:
        one = Requirement(need)
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            return "", ""
        version = versions.get(normal(one.name))
        if version is None:
            return normal(one.name), f"needs {one.name}{one.specifier}, which is not there"
        if not one.specifier.contains(version, prereleases=True):
            return normal(one.name), f"needs {one.name}{one.specifier}, and {version} is there"
    except (InvalidRequirement, InvalidVersion):
        pass
    return "", ""


def unmet(needs: Needs, versions: Mapping[str, str]) -> Dict[Tuple[str, str], str]:
    """Return what pip check would say: of each distribution and what it needs, what is wrong."""
    found = {}
    for name, listed in needs.items():
        for need in listed:
            target, wrong = _wrong(need, versions)
            if wrong:
                found[(name, target)] = wrong
    return found


def _requirements(needs: Sequence[str]) -> List[Any]:
    """Return what a distribution needs, without what is no requirement: older ones wrote what they liked."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 not with the launcher's Python

    found = []
    for one in needs:
        try:
            found.append(Requirement(one))
        except InvalidRequirement:
            continue
    return found


def satisfied(wanted: Sequence[str], needs: Needs, versions: Mapping[str, str]) -> bool:
    """Are these requirements met, and in turn all that they need?"""
    from packaging.requirements import Requirement  # noqa: PLC0415 not with the launcher's Python

    waiting, seen = [Requirement(one) for one in wanted], set()
    while waiting:
        one = waiting.pop()
        name = normal(one.name)
        if name not in versions or not one.specifier.contains(versions[name], prereleases=True):
            return False
        for extra in {"", *one.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                inner = _requirements(needs.get(name, ()))
                waiting += [need for need in inner if need.marker is None or need.marker.evaluate({"extra": extra})]
    return True


def needed(name: str, extras: Sequence[str], needs: Needs) -> List[str]:
    """Return what a distribution that is here needs on this Python and system; not what it has at addresses."""
    found = []
    for one in _requirements(needs.get(name, ())):
        applies = one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ["", *extras])
        if applies and not one.url:
            one.marker = None
            found.append(str(one))
    return found


class Resolver:
    """Asks uv.

    Args:
        run: runs ``uv pip`` with arguments.
        python: the image's interpreter.
        folder: for files that uv reads.
        pre: versions before a release count.
        hashes: those of the files are found out too, for which an index without them is asked for each file.
    """

    def __init__(
        self, run: Callable[..., tools.Done], python: str, folder: str, pre: bool = False, hashes: bool = True
    ) -> None:
        self._run, self._python, self._folder = run, python, folder
        self._options = [*(["--prerelease", "allow"] if pre else []), *(["--generate-hashes"] if hashes else [])]

    def _compile(
        self, wanted: Sequence[str], constraints: Sequence[str], there: Mapping[str, str], deps: bool = True
    ) -> tools.Done:
        paths = {one: os.path.join(self._folder, one + ".txt") for one in ("in", "limits", "out")}
        lines = {"in": wanted, "limits": constraints, "out": ["{0}=={1}".format(*item) for item in there.items()]}
        for one, path in paths.items():
            with open(path, "w", encoding="utf-8") as stream:
                stream.writelines(line + "\n" for line in lines[one])
        # What lies in the output file is preferred: https://docs.astral.sh/uv/pip/compile/#upgrading-requirements
        return self._run(
            "compile", "--quiet", "--no-header", "--no-annotate", "--python", self._python,
            "--constraint", paths["limits"], "--output-file", paths["out"], *([] if deps else ["--no-deps"]),
            *self._options, paths["in"],
        )  # fmt: skip

    def _found(self, failures: Dict[str, str]) -> Found:
        with open(os.path.join(self._folder, "out.txt"), encoding="utf-8") as stream:
            lines = stream.read().replace("\\\n", " ").splitlines()
        listed = [
            (normal(one.group(1)), one.group(2) or "", HASH.findall(one.string))
            for one in map(FOUND.match, lines)
            if one
        ]
        return Found({one[0]: one[1] for one in listed}, {one[0]: one[2] for one in listed}, failures)

    def resolve(
        self, wanted: Sequence[str], constraints: Sequence[str], there: Mapping[str, str], deps: bool = True
    ) -> Found:
        """Find versions of all that is wanted, without what makes it impossible.

        Args:
            wanted: requirements.
            constraints: limits of versions.
            there: versions by name, which are preferred.
            deps: with what they need.
        """
        left = list(wanted)
        failures: Dict[str, str] = {}
        while left:
            done = self._compile(left, constraints, there, deps)
            if done.code == 0:
                return self._found(failures)
            if UNREACHABLE.search(done.output) and not ANSWERED.search(done.output):
                failures.update({one: reason(done.output) for one in left})
                break
            guilty = self._guilty(left, done.output, constraints, there, deps)
            failures.update(guilty)
            left = [one for one in left if one not in guilty]
        return Found({}, {}, failures)

    def _guilty(
        self, wanted: Sequence[str], output: str, constraints: Sequence[str], there: Mapping[str, str], deps: bool
    ) -> Dict[str, str]:
        """Which requirements are to be left out, and why: those that cannot be had alone, else the last that contradicts."""
        named = [one for one in wanted if names(name_of(one), output)]
        if len(named) == 1 or len(wanted) == 1:
            return {(named or list(wanted))[0]: reason(output)}
        if not named:
            middle = len(wanted) // 2
            for part in (wanted[:middle], wanted[middle:]):
                done = self._compile(part, constraints, there, deps)
                if done.code:
                    return self._guilty(part, done.output, constraints, there, deps)
            return {wanted[-1]: reason(output)}
        found = {}
        for one in named[-TRIED_ALONE:]:
            done = self._compile([one], constraints, there, deps)
            if done.code:
                found[one] = reason(done.output)
        return found or {named[-1]: "it contradicts what else is wanted: " + reason(output)}

    def _gently(self, wanted: Sequence[str], constraints: Sequence[str], there: Mapping[str, str]) -> Found:
        """Find versions; other ones than those that are there only where it cannot be helped."""
        found = self.resolve(wanted, constraints, there)
        named = {name_of(one) for one in wanted}
        if all(there.get(name, version) == version or name in named for name, version in found.versions.items()):
            return found
        pins = ["{0}=={1}".format(*item) for item in there.items() if item[0] not in named]
        left = [one for one in wanted if one not in found.failures]
        if self._compile(left, [*constraints, *pins], there).code:
            return found
        return self._found(found.failures)

    def around(
        self, wanted: Sequence[str], constraints: Sequence[str], there: Mapping[str, str], needs: Needs
    ) -> Tuple[Found, Dict[str, str]]:
        """Find versions, so that what is there still fits: what no longer would is resolved along.

        Args:
            wanted, constraints, there: as for :meth:`resolve`.
            needs: requirements of what is there.

        Returns:
            What was found, and of what will no longer fit, why, by its name.
        """
        before = unmet(needs, there)
        along: List[str] = []
        found = self._gently(wanted, constraints, there)
        broken: Dict[str, str] = {}
        for _ in range(ROUNDS):
            versions = {**there, **{name: one for name, one in found.versions.items() if one}}
            kept = {
                name: listed
                for name, listed in needs.items()
                if found.versions.get(name, there.get(name)) == there.get(name)
            }
            now = {key: why for key, why in unmet(kept, versions).items() if key not in before}
            broken = {name: why for (name, _), why in now.items()}
            fresh = sorted(set(broken) - set(along))
            if not fresh:
                break
            left = [one for one in wanted if one not in found.failures]
            again = self.resolve([*left, *along, *fresh], constraints, there)
            if set(again.failures) & set(fresh):
                break
            along += fresh
            found = again._replace(failures={**found.failures, **again.failures})
        return found, broken
