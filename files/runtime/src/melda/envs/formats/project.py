"""What a project declares: pyproject.toml and Pipfile. It names no exact versions; these are found."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from melda.envs import links
from melda.envs.errors import Unusable
from melda.envs.formats import requirements, tables
from melda.envs.formats.reading import Reading, applies, requirement

Json = Dict[str, Any]


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
    for part in (one.strip() for one in given.split(",")):
        plain = re.sub(r"\s", "", part)
        if plain in ("", "*"):
            continue
        if "|" in plain:
            raise Unusable(f"versions with || are not read: {given[:100]!r}")
        if plain.startswith("^"):
            found.append(_caret(plain[1:]))
        elif re.match(r"~\d", plain):
            numbers = plain[1:].split(".")
            found.append("=={0}.*".format(".".join(numbers[:2])) if len(numbers) < 3 else "~=" + plain[1:])
        else:
            found.append("==" + plain if plain[0].isdigit() else re.sub(r"^=(?!=)", "==", plain))
    return ",".join(found)


def _one(reading: Reading, name: str, about: Any) -> None:
    about = {"version": about} if isinstance(about, str) else tables.table(about)
    if about.get("optional") is True or not applies(about.get("markers", about.get("marker"))):
        return
    if name.lower() == "python":
        reading.required(requirement(name + specifier(str(about.get("version", "")))))
    elif "git" in about:
        ref = next((str(about[one]) for one in ("rev", "tag", "branch", "ref") if one in about), "")
        reading.python(name, "", links.git(str(about["git"]), ref, str(about.get("subdirectory", ""))))
    elif "url" in about or "file" in about:
        reading.python(name, "", links.read(str(about.get("url", about.get("file")))).source)
    elif "path" in about:
        raise Unusable(f"{links.ELSEWHERE}: {about['path']}"[:200])
    else:
        extras = about.get("extras", [])
        extra = "[{0}]".format(",".join(str(one) for one in extras)) if extras else ""
        reading.required(requirement(f"{name}{extra}{specifier(str(about.get('version', '*')))}"))


def _all(reading: Reading, listed: Any) -> None:
    for name, about in (listed if isinstance(listed, dict) else {}).items():
        for one in about if isinstance(about, list) else [about]:
            try:
                _one(reading, name, one)
            except Unusable as error:
                reading.bad("python", name, str(error))
            except Exception as error:  # a field of another shape than the format's
                reading.bad("python", name, f"it is not understood: {error!r:.200}")


def _at(found: Any, *names: str) -> Any:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def pyproject(text: str, path: str) -> Reading:
    """Return what a project needs to run; the project itself is a folder, and its extras and groups are not taken."""
    reading = Reading(path)
    found = tables.toml(text, reading)
    listed = _at(found, "project", "dependencies")
    requirements.into(reading, listed if isinstance(listed, list) else [])
    python = _at(found, "project", "requires-python")
    if isinstance(python, str):
        requirements.into(reading, ["python" + python])
    for where in (("tool", "poetry", "dependencies"), ("packages",)):
        _all(reading, _at(found, *where))
    reading.say("of a project what it needs is installed, and neither the project itself nor its extras and groups")
    return reading
