"""Reading a capture that anybody may have written: one that is right in every part, or one line that says what is not."""

from __future__ import annotations

import errno
import json
from typing import Any, Dict, Iterator, List

from melda.base import regular
from melda.envs import addresses, entries
from melda.envs.errors import UsageError
from melda.plugins.state import LARGEST_CAPTURE

LARGEST = LARGEST_CAPTURE
STDIN = "-"
DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")
Json = Dict[str, Any]


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


def read_text(path: str) -> str:
    """Return the text of a file, or of what the caller's shell hands over, if it is not too large.

    Raises:
        UsageError: it is not.
    """
    try:
        content = _given(path) if path == STDIN or path.startswith(DESCRIPTORS) else regular.read(path, LARGEST)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise UsageError(f"{path!r} is larger than {LARGEST >> 20} MB: no environment is") from None
        if error.errno == errno.EINVAL:
            raise UsageError(f"invalid {path!r}: expected a file") from None
        raise UsageError(f"{path!r} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"invalid {path!r}: no UTF-8 at byte {error.start}") from None


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


def _problem(document: Any) -> str:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 a tenth of a second, and capture needs none

    with open(entries.SCHEMA, encoding="utf-8") as stream:
        validator = jsonschema.Draft7Validator(json.load(stream))
    found = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if found is None:
        return ""
    at = "".join(f"[{part}]" if isinstance(part, int) else "." + str(part)[:100] for part in found.absolute_path)
    value = addresses.hide(repr(found.instance))
    value = value if len(value) <= 80 else value[:77] + "..."
    rule = " ".join(f"{found.validator} {found.validator_value!r}"[:160].split())
    return "{0}: {1} does not fit {2}".format(at.lstrip(".") or "the document", value, rule)


def _addresses(document: Json) -> Iterator[Any]:
    for language in ("python", "r"):
        for package in document[language]["packages"]:
            if "url" in package["source"]:
                yield package, package["source"]["url"]


def _twice(document: Json) -> Iterator[str]:
    for language in ("python", "r"):
        seen = set()
        for package in document[language]["packages"]:
            if package["name"] in seen:
                yield "{0} {1}".format(language, package["name"])
            seen.add(package["name"])


def check(document: Any, path: str) -> Json:
    """``document``, if it is a capture; what is secret in addresses of its packages is dropped.

    Args:
        document: what JSON says.
        path: names it in the message.

    Raises:
        UsageError: it is none; in one line, what is invalid with it.
    """
    version = document.get("schema") if isinstance(document, dict) else None
    if isinstance(version, int) and not isinstance(version, bool) and version > 1:
        raise UsageError(f"{path!r} has schema {version}: this melda-env reads schema 1; a newer image reads it")
    document = entries.disarmed(document)
    problem = _problem(document)
    if problem:
        raise UsageError(f"invalid {path!r}: {problem}")
    for name in _twice(document):
        raise UsageError(f"invalid {path!r}: {name} stands there twice")
    for package in document["python"]["packages"]:
        if not package["version"] and package["source"]["type"] in ("index", "local"):
            raise UsageError("invalid {0!r}: {1} has no version".format(path, package["name"]))
    for package, url in _addresses(document):
        addresses.check(url, "{0!r}: {1}".format(path, package["name"]))
    found: Json = document
    return found


def empty() -> Json:
    """Return a capture of nothing, for what other formats say."""
    return {
        "schema": 1,
        "system": {"distribution": "", "release": ""},
        "python": {"version": "", "packages": []},
        "r": {"version": "", "packages": []},
    }
