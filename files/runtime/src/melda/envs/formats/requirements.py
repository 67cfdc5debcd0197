"""requirements.txt, as pip and uv read it: https://pip.pypa.io/en/stable/reference/requirements-file-format/."""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, Iterator, List, Tuple

from melda.envs import addresses, links
from melda.envs.entries import lost
from melda.envs.errors import Unusable
from melda.envs.formats import matchspec
from melda.envs.formats.reading import DEEPEST, HASH, PLAIN, Reading, applies, requirement

Json = Dict[str, Any]
NOTHING = "# no packages beyond the image\n"
OPTION = re.compile(r"\s(?=--?[A-Za-z])")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Before the packages, in a notebook, a shell's history or a Dockerfile.
INSTALL = re.compile(
    r"^(?:[%!$>#]\s*|RUN\s+|sudo\s+|python[\d.]*\s+-m\s+|uv\s+)*pip[\d.]*\s+install\s+(?P<rest>\S.*)$", re.IGNORECASE
)
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(\s|$)")
# What pip says beside its lists, and their heading.
CHATTER = re.compile(
    r"^(\[notice\]|WARNING:|DEPRECATION:|Collecting |Requirement already satisfied|Note: you may need|[-\s]*-{3,}[-\s]*$|```"
    r"|pip freeze|pip list|[%!>$]\s*(?:pip|conda)\s+(?:freeze|list)\b)"
)
HEADING = re.compile(r"^Package\s+Version\b")
LISTED = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.-]*)\s+\(?(?P<version>\d[\w.!+-]*)\)?(?P<place>\s+(?:/|[A-Za-z]:\\).*)?$"
)
# Options with a value that are ignored, and said; all others without one are too.
WITH_VALUE = {
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--no-binary", "--only-binary",
    "--use-feature", "--progress-bar", "--platform", "--python-version", "--implementation", "--abi", "-t", "--target",
    "--prefix", "--root", "--cache-dir", "--index", "--default-index", "--proxy", "--cert", "--timeout", "--retries",
}  # fmt: skip


def _address(entry: Json) -> str:
    """Return a direct reference (PEP 508, 610), as pip freeze writes it."""
    source = entry["source"]
    fragment = {}
    if source.get("subdirectory"):
        fragment["subdirectory"] = source["subdirectory"]
    if source["type"] == "vcs":
        url = "git+{0}@{1}".format(addresses.with_git_user(source["url"]), source.get("commit") or source["ref"])
    else:
        url = source["url"].partition("#")[0]
        for one in source.get("hashes", []):
            fragment.setdefault(*one.split(":", 1))
    return url + ("#" + "&".join("{0}={1}".format(*item) for item in sorted(fragment.items())) if fragment else "")


def line(entry: Json) -> str:
    """Return the requirement of one package; a comment where no requirement can say it."""
    kind = entry["source"]["type"]
    if kind == "index":
        return "{0}=={1}".format(entry["name"], entry["version"])
    if kind == "local":
        return "# {0}=={1} is from a file of the host".format(entry["name"], entry["version"])
    if lost(entry):
        return "# {0}=={1}: {2}".format(entry["name"], entry["version"], lost(entry))
    return "{0} @ {1}".format(entry["name"], _address(entry))


def write(found: Json) -> str:
    """Return the Python packages; hashes if all have them, because pip takes all or none."""
    packages = found["python"]["packages"]
    with_hashes = packages and all(
        entry.get("hashes") or (entry["source"]["type"] == "url" and entry["source"].get("hashes"))
        for entry in packages
    )
    lines = []
    for entry in packages:
        # An address has its own at its end.
        hashes = entry.get("hashes", []) if with_hashes else []
        ending = "".join(f" \\\n    --hash={one}" for one in hashes)
        lines.append(line(entry) + ending + "\n")
    return "".join(lines) or NOTHING


def _logical(text: str) -> Iterator[Tuple[int, str]]:
    """Numbered lines without comments, continued ones joined, as pip does it."""
    number, joined = 0, ""
    for at, raw in enumerate(text.splitlines(), 1):
        number = number or at
        if raw.rstrip().endswith("\\") and not re.match(r"\s*#", raw):
            joined += raw.rstrip()[:-1] + " "
            continue
        one = re.sub(r"(^|\s)#.*$", "", joined + raw).strip()
        if one:
            yield number, one
        number, joined = 0, ""
    if joined.strip():
        yield number, joined.strip()


class _Lines:
    """Reads the lines of one file, and of those that it includes.

    Args:
        reading: collects what they say.
        constraints: they only limit versions.
    """

    def __init__(self, reading: Reading, constraints: bool = False, depth: int = 0) -> None:
        self._reading, self._constraints, self._depth = reading, constraints, depth
        self.misread = self.read = 0
        self._hashes_required = self._table = False

    def all(self, text: str) -> None:
        """Read a text; of what is invalid, each line costs itself."""
        for number, given in _logical(text):
            if CONFLICT.match(given):
                self._bad(given.split()[0], "a merge conflict: what is on both sides of it is read", number)
            elif HEADING.match(given):
                self._table = True
            elif not CHATTER.match(given):
                self._guarded(given.lstrip("\u2022*").strip() if given[:1] in "\u2022*" else given, number)

    def _guarded(self, given: str, number: int) -> None:
        try:
            self.one(given)
            self.read += 1
        except Unusable as error:
            self._bad(self._name(given), str(error), number)

    @staticmethod
    def _name(given: str) -> str:
        given = re.sub(r"^(-e|--editable|-r|--requirement|-c|--constraint)[= ]*", "", given)
        found = NAME.match(given)
        if links.is_link(given):
            egg = re.search(r"#(?:.*&)?egg=([\w.-]+)", given)
            return egg.group(1) if egg else given[:100]
        return (
            found.group(0)
            if found and given[found.end() :][:1] in ("", " ", "=", "<", ">", "!", "~", "[", ";", "@", ",", "(")
            else given[:100]
        )

    def _bad(self, name: str, reason: str, number: int) -> None:
        self.misread += 1
        where = f"line {number}: " if number else ""
        self._reading.bad("python", name, where + reason)

    def one(self, given: str) -> None:
        """Read one line.

        Raises:
            Unusable: it cannot be used.
        """
        installed = INSTALL.match(given)
        if installed:
            self._command(installed.group("rest"))
        elif given.startswith("-"):
            self._option(given)
        else:
            parts = OPTION.split(given, maxsplit=1)
            self._package(parts[0].strip(), parts[1] if len(parts) > 1 else "")

    def _command(self, words: str) -> None:
        try:
            split = shlex.split(words)
        except ValueError:
            split = words.split()
        while split:
            word = split.pop(0)
            value = word.startswith("-") and "=" not in word and (word in WITH_VALUE or self._takes_file(word))
            self._guarded(f"{word} {split.pop(0)}" if value and split else word, 0)

    @staticmethod
    def _takes_file(word: str) -> bool:
        return word in ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")

    def _option(self, given: str) -> None:
        found = re.fullmatch(r"(--[a-z-]+|-[A-Za-z])(?:\s*=\s*|\s*)(.*)", given)
        name, value = (found.group(1), found.group(2).strip("\"' ")) if found else (given, "")
        if name in ("-r", "--requirement", "-c", "--constraint"):
            self._include(value, name in ("-c", "--constraint"))
        elif name in ("-e", "--editable"):
            if not links.is_link(value):
                raise Unusable(f"{links.ELSEWHERE}: {value[:100]}")
            self._package(value, "")
            self._reading.say(f"not editable here: {value}")
        elif name == "--pre":
            self._reading.pre = True
        elif name == "--require-hashes":
            self._hashes_required = True
        else:
            self._reading.say(f"ignored: {given[:200]}: packages come from this image's index, as pip is configured")

    def _include(self, name: str, constraints: bool) -> None:
        if self._depth >= DEEPEST:
            raise Unusable("files include each other too deep")
        try:
            text = self._reading.beside(name)
        except Unusable as error:
            self._bad(name, f"not included: {error}", 0)
            return
        inner = _Lines(self._reading, constraints or self._constraints, self._depth + 1)
        inner.all(text)

    def _package(self, given: str, options: str) -> None:
        hashes = HASH.findall(options)
        rest = re.sub(r"--hash[= ]\S+", "", options).replace("\\", "").strip()
        if rest:
            self._reading.say(f"ignored: {rest[:200]}")
        if len(hashes) < len(re.findall(r"--hash", options)):
            raise Unusable("it has a hash that is none: expected sha256, sha384 or sha512")
        if links.is_link(given):
            self._address(*self._with_marker(given), hashes)
            return
        one = self._parsed(given)
        if one is None:
            return
        if not applies(one.marker):
            self._reading.say(f"{one.name}: not for this Python and system")
            return
        if self._hashes_required and not hashes and not one.url:
            raise Unusable("--require-hashes, and it has none")
        if self._constraints:
            if not one.url and PLAIN.fullmatch(str(one.specifier)):
                self._reading.constraints.append(f"{one.name}{one.specifier}")
        elif one.url:
            self._address(one.url, one.name, hashes)
        else:
            self._reading.required(one, hashes)

    @staticmethod
    def _with_marker(given: str) -> Tuple[str, str]:
        url, _, marker = given.partition(" ;")
        if not applies(marker.strip()):
            raise Unusable("it is for another Python or system")
        return url, ""

    def _address(self, url: str, name: str, hashes: List[str]) -> None:
        link = links.read(url)
        named = name or link.name
        if not named:
            raise Unusable("an address that names no package: write NAME @ before it")
        source = link.source
        if hashes and source["type"] == "url":
            source, hashes = {**source, "hashes": sorted(hashes)}, []
        self._reading.python(named, "", source, hashes)

    def _parsed(self, given: str) -> Any:
        """Return a requirement, in whichever way it is written; None if another reader has taken it."""
        try:
            return requirement(given)
        except Unusable as error:
            bare = given.strip("\"'`,; \t")
            listed = LISTED.match(given)
            if listed and not (self._table or "." in listed.group("version")):
                listed = None  # words of a sentence
            if listed and listed.group("place"):
                raise Unusable(f"{links.ELSEWHERE}: {listed.group('place').strip()[:100]}") from None
            if listed:
                return requirement("{0}=={1}".format(listed.group("name"), listed.group("version")))
            if matchspec.is_one(given):
                matchspec.read(self._reading, given)
                return None
            if bare and bare != given:
                return self._parsed(bare)
            raise error from None


def read(text: str, path: str) -> Reading:
    """Return what the file says."""
    reading = Reading(path)
    lines = _Lines(reading)
    lines.all(text)
    reading.misread, reading.understood = lines.misread, lines.read
    return reading


def into(reading: Reading, given: List[Any]) -> None:
    """Read lines that another format holds: conda's section for pip, a project's dependencies."""
    for one in given:
        _Lines(reading).all(str(one))
