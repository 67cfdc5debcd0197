"""What a project declares: pyproject.toml and Pipfile. It names no exact versions; these are found."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Dict, List, Tuple

from melda.envs import Json, links
from melda.envs.errors import Unusable
from melda.envs.formats import conda_read, matchspec, requirements, tables
from melda.envs.formats.reading import Reading, applies, normal, requirement

# What is needed to run: requirements, poetry's and Pipfile's tables, and pixi's of conda's packages.
LISTS = (("project", "dependencies"), ("tool", "flit", "metadata", "requires"))
TABLES = (
    ("tool", "poetry", "dependencies"), ("packages",), ("pypi-dependencies",), ("tool", "pixi", "pypi-dependencies"),
)  # fmt: skip
INDEXES = (("source",), ("tool", "poetry", "source"), ("tool", "uv", "index"))  # Pipfile's, and the others'
CONDAS = (("dependencies",), ("tool", "pixi", "dependencies"), ("tool", "conda-lock", "dependencies"))
# Below pixi's [target.X] stands what is needed on this system only.
TARGETS = tuple(
    (*where, "target", one) for where in ((), ("tool", "pixi")) for one in ("unix", "linux", conda_read.HERE[0])
)
OTHERS = ("optional-dependencies", "dev-dependencies", "host-dependencies", "build-dependencies", "pypi-dependencies",
          "dependencies", "dev-packages", "packages")  # fmt: skip
# https://packaging.python.org/en/latest/specifications/pyproject-toml/
FIELDS = (
    "name", "version", "description", "readme", "requires-python", "license", "license-files", "authors", "maintainers",
    "keywords", "classifiers", "urls", "scripts", "gui-scripts", "entry-points", "dependencies", "optional-dependencies",
    "dynamic", "import-names", "import-namespaces",
    "channels", "platforms",  # pixi.toml's
)  # fmt: skip
HEADINGS = {
    "pyproject.toml": ("project", "build-system", "tool", "dependency-groups"),
    "pixi.toml": (
        "project", "workspace", "dependencies", "pypi-dependencies", "tasks", "feature", "environments", "activation",
        "system-requirements", "target", "package", "tool", "dev", "host-dependencies", "build-dependencies", "pypi-options",
    ),
}  # fmt: skip
# What names a commit, a branch or a tag; a commit first.
REFS = ("resolved_reference", "rev", "revision", "tag", "branch", "ref", "reference")
MARKERS = (
    "os_name", "sys_platform", "platform_machine", "platform_system", "platform_release", "platform_version",
    "platform_python_implementation", "implementation_name", "implementation_version", "python_version",
    "python_full_version",
)  # fmt: skip


def _caret(version: str) -> str:
    """https://python-poetry.org/docs/dependency-specification/#caret-requirements."""
    parts = re.findall(r"\d+", version)[:3]
    at = next((at for at, part in enumerate(parts) if int(part)), len(parts) - 1)
    above = [*parts[:at], str(int(parts[at]) + 1)]
    return ">={0},<{1}".format(version, ".".join(above))


def specifier(given: str) -> str:
    """Return PEP 440's specifier of one of poetry's, or of Pipfile's.

    Raises:
        Unusable: it is none.
    """
    found: List[str] = []
    # A blank means the same as a comma.
    for plain in re.split(r"[,\s]+", re.sub(r"(?<=[<>=!~^|]) | (?=\|)", "", " ".join(given.split()))):
        if plain in ("", "*"):
            continue
        if "|" in plain:
            raise Unusable(f"versions with || are not read: {given!r}")
        if plain.startswith("^"):
            found.append(_caret(plain[1:]))
        elif re.match(r"~\d", plain):
            numbers = plain[1:].split(".")
            found.append("=={0}.*".format(".".join(numbers[:2])) if len(numbers) < 3 else "~=" + plain[1:])
        else:
            found.append("==" + plain if plain[0].isdigit() else re.sub(r"^=(?!=)", "==", plain))
    return ",".join(found)


def _alternative(python: str) -> str:
    """Return of what || is between the first that has this Python; without one, the last."""
    found = re.split(r"\|+", python)
    return next((one for one in found[:-1] if applies(marker({"python": one}))), found[-1])


def marker(about: Json) -> str:
    """Return where a package is for, of a table of poetry's or Pipfile's: both have parts of it in fields of their own."""
    found = ["({0})".format(about[one]) for one in ("markers", "marker") if about.get(one)]
    found += ["{0} {1}".format(name, about[name]) for name in MARKERS if isinstance(about.get(name), str)]
    if isinstance(about.get("platform"), str):
        found.append("sys_platform == '{0}'".format(about["platform"]))
    versions = specifier(_alternative(about["python"])) if isinstance(about.get("python"), str) else ""
    found += [re.sub(r"([=<>!~]+)(.*)", r"python_full_version \1 '\2'", one) for one in versions.split(",") if one]
    return " and ".join(found)


def _extras(about: Json) -> List[str]:
    """Return the extras that are wanted of a package; in poetry.lock a table says which it has."""
    extras = about.get("extras", [])
    return [str(one) for one in extras] if isinstance(extras, list) else []


def located(reading: Reading, name: str, about: Json) -> bool:
    """Read where a table says that a package is; False: where it is not said, an index has it.

    Raises:
        Unusable: it cannot be had from there.
    """
    file = str(about.get("url", about.get("file", "")))
    if {"hg", "svn", "bzr"} & about.keys():
        raise Unusable("only git repositories are fetched")
    if "git" in about:
        ref = next((str(about[one]) for one in REFS if about.get(one)), "")
        source = links.git(str(about["git"]), ref, str(about.get("subdirectory", "")))
        reading.python(name, "", source, extras=_extras(about))
    elif {"path", "workspace", "editable"} & about.keys() or file.startswith("."):
        raise Unusable(f"{links.ELSEWHERE}: {about.get('path') or file or 'the workspace'}")
    elif file:
        more, link = links.subdirectory(str(about.get("subdirectory", ""))), links.read(file)
        # Pipenv names a file that it does not know by seven digits of a hash.
        says = link.name and (file.endswith(".whl") or re.fullmatch("[0-9a-f]{7}", name))
        reading.python(link.name if says else name, "", {**link.source, **more}, extras=_extras(about))
    return "git" in about or bool(file)


def _indexes(found: Json, reading: Reading) -> Dict[str, str]:
    """Return the addresses of the indexes that a file gives names to."""
    listed = [one for where in INDEXES for one in tables.part(found, where, reading, list)]
    return {str(one.get("name")): str(one.get("url", "")) for one in listed if isinstance(one, dict)}


def _one(reading: Reading, name: str, about: Any, indexes: Json) -> None:
    about = {"version": about} if isinstance(about, str) else tables.table(about)
    if about.get("optional") is True or not applies(marker(about)):
        return
    if name.lower() == "python":
        reading.required(requirement(f"{name} " + specifier(_alternative(str(about.get("version", ""))))))
    elif not located(reading, name, about):
        for index in [about[one] for one in ("index", "source") if isinstance(about.get(one), str)]:
            reading.not_asked(indexes.get(index) or index)
        extras = ",".join(_extras(about))
        extra = f"[{extras}]" if extras else ""
        reading.required(requirement(f"{name}{extra} {specifier(str(about.get('version', '*')))}"))


def _all(reading: Reading, listed: Json, indexes: Json) -> None:
    items = [(name, one) for name, about in listed.items() for one in tables.many(about)]
    tables.each(reading, items, lambda name, one: _one(reading, name, one, indexes))


def _dependencies(reading: Reading, found: Json, indexes: Json) -> None:
    given = tables.part(found, ("tool", "uv", "sources"), reading)
    sources = {normal(str(key)): about for key, about in given.items()}
    for one in tables.part(found, LISTS[0], reading, list):
        name = re.split(r"[^\w.-]", str(one), maxsplit=1)[0]
        source = sources.get(normal(name))
        if isinstance(source, dict) and "index" not in source:
            written = re.match(r"[\w.-]+\s*(?:\[([^\]]*)\])?[^;]*;?(.*)", str(one), re.DOTALL)
            extras = re.findall(r"[^\s,]+", written.group(1) or "") if written else []
            _all(
                reading,
                {name: {**source, "extras": extras, "markers": written.group(2).strip() if written else ""}},
                indexes,
            )
        else:
            for about in tables.many(source):
                index = str(tables.inside(about).get("index", ""))
                reading.not_asked(indexes.get(index) or index)
            requirements.into(reading, [one])
    limits = tables.part(found, ("tool", "uv", "constraint-dependencies"), reading, list)
    requirements.into(reading, limits, constraints=True)
    for one in tables.part(found, ("tool", "uv", "override-dependencies"), reading, list):
        reading.say(f"an override of uv's is left out, and what needs it decides: {one}")
    if "dependencies" in tables.part(found, ("project", "dynamic"), reading, list):
        files = tables.inside(found, "tool", "setuptools", "dynamic", "dependencies").get("file")
        if files:
            requirements.into(reading, [f"-r {one}" for one in tables.many(files)])
        else:
            reading.bad(
                "python", "dependencies", "a program of the project's says what they are: pip freeze > requirements.txt"
            )


def _features(found: Json) -> List[Tuple[str, ...]]:
    """Return where the features of pixi's default environment stand: it has them without being asked."""
    where: List[Tuple[str, ...]] = []
    for at in ((), ("tool", "pixi")):
        default = tables.inside(found, *at, "environments").get("default")
        for name in tables.many(default.get("features") if isinstance(default, dict) else default):
            where += [(*at, "feature", str(name)), *((*at, "feature", str(name), *one[-2:]) for one in TARGETS[:3])]
    return where


def _pixi(reading: Reading, name: str, about: Any) -> None:
    version = str(about.get("version", "*") if isinstance(about, dict) else about)
    if isinstance(about, dict) and "url" in about:
        raise Unusable("a file of conda's: nothing here installs it")
    if not (isinstance(about, dict) and located(reading, name, about)):
        matchspec.read(reading, f"{name} {version}")


def pyproject(reading: Reading, text: str) -> None:
    """Read what a project needs to run; the project itself is a folder, and its extras and groups are not taken."""
    declared(reading, tables.toml(text, reading))


def of_script(reading: Reading, text: str) -> None:
    """Read what a program needs by its own words (PEP 723): a project's fields, without the heading of a project."""
    found = tables.toml(text, reading)
    if found:
        fields = {name: value for name, value in found.items() if name != "tool"}
        declared(reading, {"project": fields, "tool": found.get("tool", {})})


def declared(reading: Reading, found: Json) -> None:
    """Read what a project declares.

    Args:
        reading: collects it.
        found: the tables of its file.
    """
    headings = HEADINGS.get(reading.path.rpartition("/")[2], ())
    for where in (*LISTS, *TABLES, *CONDAS):
        tables.misspelt(found, where, reading, (*OTHERS, *headings))
    known = headings or found
    for heading in (one for one in found if one not in known):
        reading.bad("python", heading, "no heading that such a file has: what stands below it is not read")
    for field in tables.part(found, ("project",), reading):
        if field not in FIELDS:
            reading.bad("python", field, "no field that [project] may have: what it says is not read")
    indexes = _indexes(found, reading)
    _dependencies(reading, found, indexes)
    requirements.into(reading, tables.part(found, LISTS[1], reading, list))
    python = tables.inside(found, "project").get("requires-python")
    if isinstance(python, str):
        requirements.into(reading, ["python" + python])
    more = (*TARGETS, *_features(found))
    for where in (*TABLES, *((*one, "pypi-dependencies") for one in more)):
        _all(reading, tables.part(found, where, reading), indexes)
    for where in (*CONDAS, *((*one, "dependencies") for one in more)):
        tables.each(reading, tables.part(found, where, reading).items(), partial(_pixi, reading))
    if not reading.empty or "project" in found:
        reading.say("of a project what it needs is installed, and neither the project itself nor its extras and groups")
