"""What conda writes: environment.yml, conda list, its --export and --explicit."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, List, Tuple

from melda.envs import Json, links
from melda.envs.errors import UsageError
from melda.envs.formats import matchspec, pip_files, requirements, tables
from melda.envs.formats.logical_lines import CONFLICT
from melda.envs.formats.reading import Reading

EXPLICIT = re.compile(r"^[^\S\n]*@EXPLICIT[^\S\n]*$", re.MULTILINE)
EXPORT = re.compile(r"\A(?:#.*\n|[^\S\n]*\n)*(?:#.*conda create|[\w.-]+=[\w.!+]+=\w+\s*$)", re.MULTILINE)
LIST = re.compile(r"^# packages in environment at|^#?[^\S\n]+Name\s+Version\s+Build", re.MULTILINE)
SECTIONS = ("name", "channels", "dependencies", "platforms", "variables", "prefix", "category", "channel_priority")
# https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-pkgs.html: linux-64 is amd64, linux-aarch64 is arm64.
HERE = ("linux-{0}".format(os.uname().machine.replace("x86_64", "64")), "noarch")
PLATFORM = re.compile(r"(linux|osx|win|zos|emscripten|wasi|freebsd)-\w+")
RULE = re.compile(r"List of packages in environment|Name\s+Version\s+Build|[\u2500-\u257f-]+$")
TOP = re.compile(r"[\"']?([A-Za-z_]+)[\"']?(?=\W*$|\s*:)")
OF_PIP = re.compile(r"\s*(-\s+)?[\"']?pip[\"']?\s*:\s*")
STUCK = re.compile(r"^(\s*)-(?=[A-Za-z\"'])(?!\w\s)")  # -e and -r are pip's options
FILE = re.compile(r"(?:\S+[/\\])?(?P<name>[\w.-]+?)-(?P<version>[^-/]+)-(?P<build>[^-/]+?)\.(conda|tar\.bz2)(#\S+)?")
TOO_DEEP = "an item of a list stands deeper than the one above it"

# https://pixi.sh/latest/workspace/lockfile/
PIXI = re.compile(
    r"(?=[\s\S]*^packages:)(?:#.*\n|[ \t\r]*\n)*version:[ \t]*\d+[ \t\r]*\n(?:[\s\S]{0,2000}\n)?environments:\s*$",
    re.MULTILINE,
)
# Only a list of all of conda's has these, in whichever way it is written.
PINNED = re.compile(
    r"^(?:_libgcc_mutex|_openmp_mutex|ld_impl_linux-64|libgcc-ng|python_abi)\s*={1,2}\s*\d", re.MULTILINE
)
LISTS = (EXPLICIT, EXPORT, LIST, PINNED)
# What conda-lock adds of pip's packages to an explicit list.
PIP = re.compile(r"#\s*pip\s+(?P<name>[A-Za-z0-9][\w.-]*(\[[^\]]*\])?)\s+@\s+(?P<url>\S+)")
OTHER_PIP = re.compile(r"#\s*pip\s+(?P<line>[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*(?:[=<>!~]=|@\s).*)")


def _each(reading: Reading, given: List[str]) -> None:
    named = [(re.split(r"[\s=<>!~\[]|:\s", one.strip(), maxsplit=1)[0] or one, one) for one in given]
    tables.each(reading, named, lambda _, one: matchspec.read(reading, one))


def _mended(reading: Reading, text: str) -> str:
    """Return a text with the blank that a -NAME misses, and without what git wrote between two sides."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if CONFLICT.match(line):
            lines[at] = ""
            if line.startswith("<"):
                reading.bad("python", "<" * 7, f"line {at + 1}: a merge conflict: what is on both sides of it is read")
    return "\n".join(STUCK.sub(r"\1- ", line) for line in lines) + "\n"


def _loaded(reading: Reading, text: str) -> Any:
    """Return what a text says. What a broken line is taken for may cost those below it: then each is read by itself."""
    told, why = reading.problems, ""
    found: Any = {}
    try:
        found = tables.yaml(text, reading)
    except UsageError as error:
        why = str(error)
    failed = reading.problems[len(told) :]
    numbers = [int(one["reason"].split()[1].rstrip(":")) for one in failed]
    each = _line_by_line(text)
    within = [
        one["reason"]
        for one, number in zip(failed, numbers)
        if each and (one["name"] in ("dependencies", "pip") or min(each) <= number <= max(each))
    ]
    why = why or (within or [""])[0] or (TOO_DEEP if each and _is_too_deep(found) else "")
    if why:
        reading.problems = told
        reading.say(why + ": what is listed in it is read line by line")
        found = {"dependencies": [], "pip": []}
        for number, (of_pip, item) in each.items():
            if not item:
                reading.bad("python", f"line {number}", "no line of a list: expected - NAME")
            else:
                found["pip" if of_pip else "dependencies"].append(item)
    return found


def _is_too_deep(found: Any) -> bool:
    """Return whether an item of a list holds another one: a blank too many before its - makes it a part of the one above."""
    if isinstance(found, (dict, list)):
        inner = found if isinstance(found, list) else [found.get("dependencies"), found.get("pip")]
        return any(map(_is_too_deep, inner))
    # Below pip without a : it is not known whose packages they are: that is told as one item.
    return isinstance(found, str) and " - " in found and not found.startswith("pip ")


def _line_by_line(text: str) -> Dict[int, Tuple[bool, str]]:
    """Return what stands in lists of packages, by line: whether it is pip's, and the item; empty: it is none."""
    found: Dict[int, Tuple[bool, str]] = {}
    section, deep = "dependencies", -1  # how deep pip: stands; -1: it has not begun
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.sub(r"(^|\s)#.*", "", line.replace("\t", "  ")).rstrip()
        depth = len(plain) - len(plain.lstrip())
        heading = TOP.match(plain)
        if heading and (plain.endswith(":") or ":" in plain or heading.group(1) in SECTIONS):
            section, deep = heading.group(1), 0 if heading.group(1) == "pip" else -1
            rest = plain[heading.end() :]
            if section == "dependencies" and rest.strip(": '\""):
                return {}  # [a, b], which has no lines
        elif not plain or section not in ("dependencies", "pip") or plain in ("---", "..."):
            continue
        elif OF_PIP.fullmatch(plain):
            deep = depth if plain.lstrip().startswith("-") else depth - 1
        else:
            item = re.fullmatch(r"\s*-\s+(\S.*)", plain)
            deep = -1 if depth <= deep and section != "pip" else deep
            found[number] = (deep >= 0, _unquoted(item.group(1)) if item else "")
    return found


def _unquoted(item: str) -> str:
    quote = item[0] if item[0] in "'\"" else ""
    if quote:
        return item.strip(quote)
    return item[:-1] if item[-1] in "'\"" and item.count(item[-1]) % 2 else item


def environment(reading: Reading, text: str) -> None:
    """Read what environment.yml says."""
    before = reading.size
    found = _loaded(reading, _mended(reading, text))
    listed = tables.inside(found).get("dependencies")
    listed = [listed] if isinstance(listed, dict) else listed
    for one in matchspec.without_libraries(listed) if isinstance(listed, list) else []:
        if isinstance(one, str):
            _each(reading, [one])
        elif isinstance(one, dict):
            for name, given in one.items():
                if name == "pip":
                    requirements.into(reading, tables.many(given or None))
                else:
                    reading.bad("python", str(name), "no section of environment.yml that is read: expected pip")
        elif one:
            reading.bad("python", str(one), "no package as conda writes it")
    _beside(reading, tables.inside(found))
    if reading.size == before and listed:
        reading.say("it names nothing but Python and pip, which this image has")
    elif reading.size == before:
        reading.bad("python", "dependencies", "none that can be read")
    matchspec.without_bundles(reading)


def exported(reading: Reading, found: Json) -> None:
    """Read what conda env export --json says."""
    environment(reading, json.dumps(found))


def _beside(reading: Reading, found: Json) -> None:
    """Read what stands beside dependencies, where conda does not look: pip's, and what is misspelt."""
    for name, given in found.items():
        if name == "pip":
            requirements.into(reading, tables.many(given))
        elif isinstance(given, list) and name not in SECTIONS:
            reading.bad("python", str(name), "no section of environment.yml that is read: expected dependencies")


def lines(reading: Reading, text: str) -> None:
    """Read what conda list says, in any of its three forms."""
    explicit, table = bool(EXPLICIT.search(text)), bool(LIST.search(text))
    for line in matchspec.without_libraries([one.strip() for one in text.splitlines()]):
        of_pip = PIP.fullmatch(line) if explicit else None
        if of_pip:
            pip_files.read(reading, of_pip.group("name"), "", of_pip.group("url"))
        other = OTHER_PIP.fullmatch(line) if explicit and not of_pip else None
        if other:
            requirements.into(reading, [other.group("line")])
        if not line or line.startswith(("#", "@")) or RULE.match(line):
            continue
        words = line.split()
        file = FILE.fullmatch(line) if explicit else None
        if file:
            _each(reading, ["{0}={1}={2}".format(*file.group("name", "version", "build"))])
        elif explicit:
            reading.bad("python", line, "no address of a package of conda's")
        elif table and len(words) >= 2:
            pip = words[-1] == "pypi" or (len(words) > 2 and words[2] in ("pypi_0", "<pip>"))
            one = "{0}=={1}".format(*words) if pip or len(words) == 2 else "{0}={1}={2}".format(*words)
            if pip:
                requirements.into(reading, [one])
            else:
                _each(reading, [one])
        elif line.endswith("=pypi_0"):
            requirements.into(reading, ["{0}=={1}".format(*line.split("="))])
        else:
            _each(reading, [line])
    matchspec.without_bundles(reading)


def lock(reading: Reading, text: str) -> None:
    """Read what conda-lock.yml says for Linux: https://github.com/conda/conda-lock."""
    found = tables.yaml(text, reading)
    for number, one in enumerate(tables.many(tables.inside(found).get("package")), 1):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one.get("version"):
            reading.bad("python", f"entry {number}", "it has no name or no version")
        elif one.get("platform", HERE[0]) not in HERE and PLATFORM.fullmatch(str(one.get("platform"))):
            continue
        elif one.get("platform", HERE[0]) not in HERE:
            reading.bad("python", one["name"], "invalid platform {0!r:.50}".format(one["platform"]))
        elif not re.fullmatch(r"[\w.-]+", str(one.get("category", "main"))):
            reading.bad("python", one["name"], "invalid category {0!r:.50}".format(one["category"]))
        elif one.get("category", "main") == "main":
            file = FILE.fullmatch(str(one.get("url", "")))
            if one.get("manager") == "pip":
                sha256 = str(tables.inside(one, "hash").get("sha256") or "")
                pip_files.read(reading, one["name"], str(one["version"]), str(one.get("url") or ""), sha256)
            else:
                _each(
                    reading, ["{0}={1}={2}".format(one["name"], one["version"], file.group("build") if file else "py")]
                )
    matchspec.without_bundles(reading)


def pixi(reading: Reading, text: str) -> None:
    """Read what pixi.lock says of its default environment on this system."""
    found = tables.yaml(text, reading)
    packages = [one for one in tables.part(found, ("packages",), reading, list) if isinstance(one, dict)]
    by_url = {str(one.get("pypi", one.get("url"))): one for one in packages}
    listed = tables.part(found, ("environments", "default", "packages"), reading)
    if HERE[0] not in listed:
        reading.bad("python", "default", f"the lock has no default environment for {HERE[0]}")
    for one in tables.part(listed, HERE[:1], reading, list):
        kind, url = next(iter(one.items()), ("", "")) if isinstance(one, dict) else ("", one)
        url, about = str(url), by_url.get(str(url), {})
        file, name = FILE.fullmatch(url), str(about.get("name") or "")
        if kind == "conda" and file:
            _each(reading, ["{0}={1}={2}".format(*file.group("name", "version", "build"))])
        elif kind != "pypi" or links.is_local(url):
            reading.bad("python", name or url, links.ELSEWHERE)
        elif url.startswith("git+"):
            reading.python(name or links.read(url).name, "", links.locked(url))
        else:
            name = name or links.read(url).name
            pip_files.read(reading, name, str(about.get("version") or ""), url, str(about.get("sha256") or ""))
    matchspec.without_bundles(reading)
