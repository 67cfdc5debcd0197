"""Reading a capture that anybody may have written: what of it can be used, and a reason for each entry that cannot."""

from __future__ import annotations

import codecs
import errno
import functools
import json
import re
from typing import Any, Dict, List

from melda.base import regular_files
from melda.base.addresses import hide
from melda.envs import Json, addresses, entries
from melda.envs.errors import UsageError
from melda.plugins.state import LARGEST_CAPTURE

LARGEST = LARGEST_CAPTURE
STDIN = "-"
DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")
LANGUAGES = ("python", "r")
# Beside the schema's fields: of what a file names, what cannot be used, and why.
PROBLEMS = "problems"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
DECLARED = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
FIELD = re.compile(rb"^Encoding:[ \t]*([-\w.]+)[ \t\r]*$", re.MULTILINE)
# What no text has, and a letter beyond ASCII of an encoding that nobody names; its last byte may be a \ elsewhere.
BINARY, LETTERS = re.compile(rb"[\0-\x08\x0e-\x19\x1c-\x1f]"), re.compile(rb"[\x80-\xff]+\\?")


def _given(path: str) -> bytes:
    """Return what the caller hands over on purpose: standard input, or what <(COMMAND) of a shell is.

    Raises:
        OSError: it cannot be read; EFBIG: it is too large.
    """
    with open(0 if path == STDIN else path, "rb", closefd=path != STDIN) as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, "", path)
    return content


def _encoding(content: bytes) -> str:
    """As a mark says, a first line (PEP 263), or a DESCRIPTION's field; UTF-16 has its zeros, and all else is UTF-8."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return name
    if b"\0" in content[:200]:
        return "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    declared = DECLARED.search(b"\n".join(content.split(b"\n", 2)[:2])) or FIELD.search(content)
    return declared.group(1).decode("ascii") if declared else "utf-8"


def read_text(path: str) -> str:
    """Return the text of a file, or of what the caller's shell hands over, if it is not too large.

    Raises:
        UsageError: it is not.
    """
    try:
        content = _given(path) if path == STDIN or path.startswith(DESCRIPTORS) else regular_files.read(path, LARGEST)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise UsageError(f"{path!r} is larger than {LARGEST >> 20} MB: no environment is") from None
        if error.errno == errno.EINVAL:
            raise UsageError(f"invalid {path!r}: expected a file") from None
        raise UsageError(f"{path!r} cannot be read: {error.strerror}") from None
    return decoded(content, path)


def decoded(content: bytes, path: str) -> str:
    """Return the text of a file, whatever its encoding is: names of packages are ASCII, and comments need not be read.

    Raises:
        UsageError: it is no text, or names an encoding that it has not.
    """
    encoding = _encoding(content)
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        if encoding == "utf-8" and not BINARY.search(content):
            return LETTERS.sub("\ufffd".encode(), content).decode()
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else f": {error}"
        how = "save it as UTF-8, or name its encoding in its first line, as in '# -*- coding: latin-1 -*-'"
        raise UsageError(f"invalid {path!r}: no UTF-8{where}: {how}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: List[Any]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def parse_json(text: str, path: str) -> Any:
    """JSON without what readers understand differently (names that stand twice, NaN).

    Raises:
        UsageError: it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"invalid {path!r}: no JSON: {reason[:200]}") from None


@functools.lru_cache(maxsize=1)
def _validators() -> Dict[str, Any]:
    """Return the schema's parts, by name: what an entry of each language, the system and the kernels must be."""
    import jsonschema  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 a tenth of a second, and capture needs none

    with open(entries.SCHEMA, encoding="utf-8") as stream:
        schema = json.load(stream)
    parts = {name: schema["properties"][name] for name in ("system", "kernels")}
    for language in LANGUAGES:
        properties = schema["properties"][language]["properties"]
        parts.update({language: properties["packages"]["items"], language + ".image": properties["image"]})
    return {
        name: jsonschema.Draft7Validator({**part, "definitions": schema["definitions"]}) for name, part in parts.items()
    }


def _problem(part: str, value: Any) -> str:
    """Return what is wrong with a part of a capture, in one line; empty if nothing is."""
    import jsonschema  # noqa: PLC0415

    found = jsonschema.exceptions.best_match(_validators()[part].iter_errors(value))
    if found is None:
        return ""
    at = ".".join(str(one)[:100] for one in found.absolute_path)
    shown = hide(repr(found.instance))
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    if found.validator in ("pattern", "enum", "const", "maxLength", "type"):
        return f"invalid {at or part} {shown}"
    rule = " ".join(f"{found.validator} {found.validator_value!r}"[:160].split())
    return f"invalid {at or part} {shown}: {rule}"


def problem_of(language: str, entry: Any) -> str:
    """Why an entry cannot be used, in one line; empty if it can.

    Args:
        language: python or r.
        entry: of a capture, or of a reader of another format; without secrets, see :func:`entries.disarmed`.
    """
    found = "" if entries.fits(language, entry) else _problem(language, entry)
    if found or "dropped" in entry["source"]:
        return found
    if language == "python" and entry["source"]["type"] in ("index", "local"):
        from packaging.version import InvalidVersion, Version  # noqa: PLC0415 not with the launcher's Python

        try:
            Version(entry["version"])
        except InvalidVersion:
            return "invalid version {0!r}: expected one as 1.2.3 (PEP 440)".format(entry["version"])
    try:
        if "url" in entry["source"]:
            addresses.check(entry["source"]["url"], entry["name"])
    except UsageError as error:
        return str(error)[len(entry["name"]) + 2 :]
    return ""


def problem(kind: str, name: str, reason: str, version: str = "") -> Json:
    """Return what :func:`check` and the readers of other formats say of an entry that cannot be used."""
    shown = hide(name)[:200]
    return {
        "kind": kind,
        "name": shown,
        "version": hide(version)[:100],
        "reason": hide(reason)[:500],
    }


def _name(entry: Any, at: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return str(name) if name else f"entry {at + 1}"


def _packages(language: str, part: Json, problems: List[Json]) -> List[Json]:
    found: Dict[str, Json] = {}
    listed = part.get("packages", [])
    for at, given in enumerate(listed if isinstance(listed, list) else [listed]):
        entry = entries.disarmed_entry(language, given)
        reason = problem_of(language, entry)
        if reason:
            version = str(entry.get("version") or "") if isinstance(entry, dict) else ""
            problems.append(problem(language, _name(entry, at), reason, version))
        elif found.setdefault(entry["name"], entry) != entry:
            twice = "it is there twice: {0} is taken".format(found[entry["name"]]["version"] or "the first")
            problems.append(problem(language, entry["name"], twice, entry["version"]))
    return list(found.values())


def _about(language: str, part: Json, problems: List[Json]) -> Json:
    version = str(part.get("version", ""))
    found = {"version": version if re.fullmatch(r"[0-9]+(\.[0-9]+){1,2}", version) else ""}
    image = part.get("image")
    if image is not None and not _problem(language + ".image", image):
        found["image"] = image
    if "packages" not in part:
        problems += [
            problem(language, name, f"unknown field of {language}: expected packages") for name in _lists(part)
        ]
    return {**found, "packages": _packages(language, part, problems)}


def _lists(part: Json) -> List[str]:
    """Return the fields that hold a list: one whose name is misspelt holds packages, which would be missing silently."""
    return [name for name, value in part.items() if isinstance(value, list)]


def check(document: Any, path: str) -> Json:
    """Return what of a capture can be used; what is secret in addresses of its packages is dropped.

    One entry costs one entry: what is wrong with it stands in :data:`PROBLEMS` of the result, and the others are there.

    Args:
        document: what JSON says.
        path: names it in the message.

    Raises:
        UsageError: it is no capture at all; in one line, why.
    """
    version = document.get("schema") if isinstance(document, dict) else None
    if isinstance(version, int) and not isinstance(version, bool) and version > 1:
        raise UsageError(f"{path!r} has schema {version}: this melda-env reads schema 1; a newer image reads it")
    if not isinstance(document, dict) or not any(isinstance(document.get(one), dict) for one in LANGUAGES):
        raise UsageError(f"invalid {path!r}: no environment: expected an object with the fields python and r")
    problems: List[Json] = []
    found: Json = empty()
    for part in ("system", "kernels"):
        if part in document and not _problem(part, document[part]):
            found[part] = document[part]
    for name, part in document.items():
        if isinstance(part, dict) and name not in (*LANGUAGES, "system", "kernels") and _lists(part):
            absent = next((one for one in LANGUAGES if one not in document), LANGUAGES[0])
            problems.append(problem(absent, name, "unknown field: expected {0}".format(" or ".join(LANGUAGES))))
    for language in LANGUAGES:
        part = document.get(language, {})
        if isinstance(part, dict):
            found[language] = _about(language, part, problems)
        else:
            problems.append(problem(language, language, "expected an object with the field packages"))
    return {**found, PROBLEMS: problems} if problems else found


def empty() -> Json:
    """Return a capture of nothing, for what other formats say."""
    return {
        "schema": 1,
        "system": {"distribution": "", "release": ""},
        "python": {"version": "", "packages": []},
        "r": {"version": "", "packages": []},
    }
