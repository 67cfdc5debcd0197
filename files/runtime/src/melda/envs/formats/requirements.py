"""requirements.txt, as pip and uv read it: https://pip.pypa.io/en/stable/reference/requirements-file-format/."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Iterable, List

from melda.base.addresses import hide
from melda.envs import links
from melda.envs.errors import Unusable
from melda.envs.formats import bare_commands, commands, documents, logical_lines, matchspec, options, r_calls
from melda.envs.formats.reading import DEEPEST, HASH, PLAIN, Reading, applies, requirement

Place = Callable[[int], str]
LINE: Place = "line {0}: ".format
OPTION = re.compile(r"\s(?=--?[A-Za-z])")
SWITCH = re.compile(r"(?:^|\s)(--[A-Za-z][\w-]*|-[A-Za-z])")
ITEM = re.compile(r"(([-*\u2022+]|\d+[.)])\s+(\[[ x]\]\s+)?)+(?=[\w'\"`])")
# Where an address ends and a marker begins; pip wants a blank after the ;, and uv one before it.
MARKED = re.compile(r"\s*;(?=\s)|;(?=\(*(?:python|sys|platform|os|implementation)_)")
SHORT = re.compile(logical_lines.NAME.pattern + r"(\[[\w,-]+\])?([=<>!~]=?=?[^\s=<>;'\"]+)?")
CALL = re.compile(r"[\w.:$]+\(\s*\)")
NESTED = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")


class Lines:
    """Reads the lines of one file, and of those that it includes.

    Args:
        reading: collects what they say.
        constraints: they only limit versions.
        depth: of files within files.
        place: says where a line is.
        folder: of the file, from that of the first one; what it includes begins there.
    """

    def __init__(
        self, reading: Reading, constraints: bool = False, depth: int = 0, place: Place = LINE, folder: str = ""
    ) -> None:
        self._reading, self._constraints, self._depth, self._place = reading, constraints, depth, place
        self.misread = self.read = self._number = 0
        self._hashes_required, self._table, self._folder = False, False, folder

    def all(self, text: str) -> None:
        """Read a text; of what is invalid, each line costs itself."""
        lines = list(logical_lines.numbered(text))
        rows = [
            one
            for _, given in lines
            for one in [logical_lines.LISTED.match(given)]
            if one and "." in one.group("version")
        ]
        self._table = len(rows) * 2 > len(lines)
        root = logical_lines.root([given for _, given in lines])
        for number, given in lines:
            if logical_lines.CONFLICT.match(given):
                self._bad(given.split()[0], "a merge conflict: what is on both sides of it is read", number)
            elif given == root:
                self._bad(root, "the root of a tree may be the project itself: NAME==VERSION is a package", number)
            elif logical_lines.HEADING.match(given):
                self._table = True
            elif not logical_lines.CHATTER.match(given):
                self.guarded(given, number)

    def guarded(self, given: str, number: int) -> None:
        """Read one line; what is invalid costs it alone."""
        self._number = number or self._number
        try:
            self.one(given)
            self.read += 1
        except (Unusable, RecursionError) as error:
            self._bad(logical_lines.name(given), str(error), number)

    def _bad(self, name: str, reason: str, number: int) -> None:
        self.misread += 1
        self._reading.bad("python", name, (self._place(number) if number else "") + reason)

    def one(self, given: str) -> None:
        """Read one line.

        Raises:
            Unusable: it cannot be used.
        """
        if r_calls.PREFIX in given:
            for part in given.split(" && "):
                for _, line in r_calls.read(
                    self._reading, r_calls.of_command(part), lambda at: self._place(self._number + at - 1)
                ):
                    self.shell(line)
                if not part.startswith(r_calls.PREFIX):
                    self.one(part)
            return
        installed = list(commands.read(given))
        tree, item = logical_lines.TREE.fullmatch(given), ITEM.match(given)
        if commands.is_sentence(installed):
            self._bad(" ".join(given.split()[:2]), "it reads as a sentence: nothing is installed of it", self._number)
            self.misread -= 1  # no sign that the file is something else
        elif installed:
            for one in installed:
                self._command(one)
        elif tree:
            self._package("{0}=={1}".format(tree.group("name"), tree.group("there") or tree.group("version")), "")
        elif item:
            self.one(given[item.end() :])
        elif given.startswith("-"):
            self._option(given)
        else:
            parts = OPTION.split(given, maxsplit=1)
            self._package(parts[0].strip(), parts[1] if len(parts) > 1 else "")

    def shell(self, line: str) -> None:
        """Read what a shell's line installs."""
        for one in bare_commands.in_line(line):
            self.guarded(one, 0)

    def _command(self, command: commands.Command) -> None:
        for option in command.unclear:
            reason = "this option is not known, and so the word after it may be its value or a package"
            self._bad(option, f"{reason}: nothing is installed of it", 0)
        for one in command.arguments:
            if commands.UNKNOWN.search(one) and ("://" not in one or "$(...)" in one):
                self._bad(logical_lines.name(one), "a shell puts something in its place, which is not known here", 0)
            elif not command.conda:
                self.guarded(one, 0)
            elif one.startswith("--file "):
                self._of_conda(one.split(maxsplit=1)[1])
            elif not one.startswith("-"):
                try:
                    matchspec.read(self._reading, one)
                except Unusable as error:
                    self._bad(logical_lines.name(one), str(error), 0)

    def _of_conda(self, name: str) -> None:
        """Read a file that conda's --file names, in which each line is a package."""
        try:
            if name.endswith((".yml", ".yaml")):
                raise Unusable("hand this file itself to melda-env restore")
            lines = [one for _, one in logical_lines.numbered(self._reading.beside(name)) if not one.startswith("@")]
        except Unusable as error:
            self._bad(name, f"not included: {error}", 0)
            return
        self._command(commands.Command(True, [one for one in lines if not one.startswith("-")], []))

    def _option(self, given: str) -> None:
        found = re.fullmatch(r"(--[a-z-]+|-[A-Za-z])(?:\s*=\s*|\s*)(.*)", given)
        name, value = (found.group(1), found.group(2)) if found else (given, "")
        value = re.sub(r"^(['\"])(.*)\1$", r"\2", value.strip())  # a marker may end with a quote of its own
        if name in NESTED:
            value, *more = OPTION.split(value, maxsplit=1)
            if more:
                self.guarded(more[0], 0)
        if name in NESTED[:4]:
            self._include(value, name in ("-c", "--constraint"))
        elif name in NESTED:
            if not links.is_link(value):
                raise Unusable(links.ELSEWHERE)
            self._package(value, "")
            self._reading.say(f"not editable here: {value}")
        elif name == "--pre":
            self._reading.pre = True
        elif name == "--require-hashes":
            self._hashes_required = True
        else:
            # Of an option that is none of pip's the value may be a password.
            shown = hide(given)[:200] if name in options.PIP.valued else name.split("=")[0]
            self._reading.say(f"ignored: {shown}: packages come from this image's index, as pip is configured")

    def _include(self, name: str, constraints: bool) -> None:
        if self._depth >= DEEPEST:
            raise Unusable("files include each other too deep")
        constraints = constraints or self._constraints
        path = name if "://" in name else os.path.join(self._folder, name)
        try:
            text = self._reading.beside(path, constraints)
        except Unusable as error:
            self._bad(name, f"not included: {error}", 0)
            return
        Lines(self._reading, constraints, self._depth + 1, folder=os.path.dirname(path)).all(text)

    def _package(self, given: str, options: str) -> None:
        hashes = HASH.findall(options)
        if len(hashes) < len(re.findall(r"--hash", options)):
            raise Unusable("it has a hash that is none: expected sha256, sha384 or sha512")
        if CALL.match(given):
            raise Unusable("a call of a program, and no package")
        given = MARKED.sub(" ; ", given, count=1) if "://" in given else given
        link = links.is_link(given)
        one = None if link else self._parsed(given)
        ignored = [one for one in SWITCH.findall(options) if one != "--hash"]
        if ignored:  # said of a requirement alone, and without values, which of another program's may be passwords
            self._reading.say("ignored: {0}".format(" ".join(ignored)))
        if link:
            url, _, marker = given.partition(" ;")
            if applies(marker.strip()):
                self._address(url, "", hashes)
            else:
                self._reading.say(f"{hide(url)}: not for this Python and system")
        elif one is not None:
            self._requirement(one, hashes)

    def _requirement(self, one: Any, hashes: List[str]) -> None:
        if not applies(one.marker):
            self._reading.say(f"{one.name}: not for this Python and system")
            return
        if self._hashes_required and not hashes and not one.url:
            raise Unusable("--require-hashes, and it has none")
        if self._constraints:
            if not one.url and PLAIN.fullmatch(str(one.specifier)):
                self._reading.constraints.append(f"{self._reading.called(one.name)}{one.specifier}")
        elif one.url:
            self._address(one.url, one.name, hashes, one.extras)
        else:
            self._reading.required(one, hashes)

    def _address(self, url: str, name: str, hashes: List[str], extras: Iterable[str] = ()) -> None:
        link = links.read(url)
        named, source = name or link.name, link.source
        if not named:
            raise Unusable("an address that names no package: write NAME @ before it")
        if hashes and source["type"] == "url":
            source, hashes = {**source, "hashes": sorted(hashes)}, []
        self._reading.python(named, "", source, hashes, {*extras, *link.extras})

    def _parsed(self, given: str) -> Any:
        """Return a requirement, in whichever way it is written; None if another reader has taken it."""
        try:
            return requirement(given)
        except Unusable as error:
            quoted = re.fullmatch(r"(['\"`])([^'\"`].*)\1[,;\s]*", given)
            bare = quoted.group(2) if quoted else given.strip("\"'`,; \t")
            listed = logical_lines.LISTED.match(given)
            if listed and self._listed(*listed.group("name", "version", "rest")):
                return None
            if matchspec.is_one(given):
                matchspec.read(self._reading, given)
                return None
            if bare and bare != given:
                return self._parsed(bare)
            if self._several(given):
                return None
            raise error from None

    def _listed(self, name: str, version: str, rest: str) -> bool:
        """Read a row of pip list, of poetry show, or of conda list; without a table around it, it may be a sentence."""
        rest = rest or ""
        build = logical_lines.BUILD.fullmatch(rest)
        if logical_lines.PLACE.match(rest) and (self._table or "." in version):
            raise Unusable(f"{links.ELSEWHERE}: {rest.strip()}")
        if build and build.group("build") != "pypi_0":
            matchspec.read(self._reading, f"{name}={version}={build.group('build')}")
        elif self._table or build or (not rest and "." in version):
            self._reading.required(requirement(f"{name}=={version}"))
        else:
            return False
        return True

    def _several(self, given: str) -> bool:
        """Read a line of several pins; names alone may be words of a sentence."""
        words = [one.strip(",") for one in given.split()]
        listed = given.count(",") == len(words) - 1 and all(logical_lines.NAME.fullmatch(one) for one in words)
        if listed and len(words) > 1:
            for one in words:
                self._bad(one, "several names in a line, which may be words: expected one package a line", 0)
            return True
        if len(words) < 2 or not all(map(SHORT.fullmatch, words)):
            return False
        of_a_shell = any(re.search(r"[^=<>!~]=[^=\d*]", one) for one in words)
        if of_a_shell or sum(bool(re.search("[=<>]", one)) for one in words) * 2 < len(words):
            return False
        for one in words:
            self.guarded(one, 0)
        return True


def read(reading: Reading, text: str) -> None:
    """Read what of a text may name packages; of documents and shells, what their commands install."""
    lines = Lines(reading)
    kept, note = documents.without_others(text, reading.path)
    lines.all(kept)
    for number, command in documents.unread(text, reading.path) if kept != text else ():
        reading.bad("python", command, f"line {number}: {r_calls.not_read(command)}")
    for number, command in documents.in_sentences(text, reading.path):
        alone = Reading(reading.path)
        Lines(alone).guarded(documents.command(command), 0)
        if any(alone.names(kind) - reading.names(kind) for kind in ("python", "r")):
            reading.bad("python", command, f"line {number}: {r_calls.NOT_READ}")
    if note:
        reading.say(note)
    reading.misread, reading.understood = lines.misread, lines.read


def into(reading: Reading, given: List[Any], constraints: bool = False) -> None:
    """Read lines that another format holds: conda's section for pip, a project's dependencies; constraints limit versions."""
    for one in given:
        for _, line in logical_lines.numbered(str(one)):
            Lines(reading, constraints).guarded(line, 0)
