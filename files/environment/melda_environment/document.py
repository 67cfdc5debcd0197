"""Reading a capture that anybody may have written: one that is right in every part, or one line that says what is not."""

from __future__ import annotations

import ipaddress
import json
import os
import stat
from typing import Any, Dict, Iterator, List
from urllib import parse

from melda_environment.errors import Refused

LARGEST = 16 << 20  # bytes: a capture with a thousand packages has half a million
SCHEMA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "schema.json")
# Where clouds hand out credentials, by name.
METADATA_HOSTS = ("metadata", "metadata.google.internal", "instance-data", "localhost")
WAYS = ("https", "ssh")
Json = Dict[str, Any]


def read_text(path: str) -> str:
    """The text of a file, if it is one and not too large.

    Raises:
        Refused: it is not.
    """
    try:
        # A FIFO would wait for ever.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as stream:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise Refused("{0!r} is not right: it must be a file".format(path))
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise Refused("{0!r} cannot be read: {1}".format(path, error.strerror)) from None
    if len(content) > LARGEST:
        raise Refused("{0!r} is larger than {1} MB: no environment is".format(path, LARGEST >> 20))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("{0!r} is not right: no UTF-8 at byte {1}".format(path, error.start)) from None


def check_url(url: str, what: str) -> str:
    """``url``, if something may be fetched from there: HTTPS, not this machine, not a cloud's metadata.

    Args:
        url: the address.
        what: names it in the message.

    Raises:
        Refused: it may not.
    """
    try:
        parts = parse.urlsplit(url)
        host, scheme, _ = (parts.hostname or "").rstrip(".").lower(), parts.scheme.rpartition("+")[2], parts.port
    except ValueError:
        host = scheme = ""
    shown = url[:200]
    # ${NAME} would be replaced, by pip and uv, by a variable's value.
    odd = any(ord(char) <= 32 or ord(char) > 126 or char in "${}" for char in url)
    if scheme not in WAYS or not host or odd:
        raise Refused("{0}: the address {1!r} is not right: it must be https://HOST/...".format(what, shown))
    try:
        # inet_aton's spellings too (0xa9fea9fe, 2852039166): whatever looks like a number must be a plain address
        looks = host.replace(".", "").isdigit() or host.startswith("0x") or ":" in host
        address = ipaddress.ip_address(host) if looks else None
    except ValueError:
        raise Refused("{0}: the address {1!r} is not right: {2!r} is no host".format(what, shown, host)) from None
    inner = address is not None and (
        address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
        or str(address) == "fd00:ec2::254" or getattr(address, "ipv4_mapped", None) is not None
    )  # fmt: skip
    if inner or host in METADATA_HOSTS or host.endswith((".localhost", ".internal")):
        raise Refused("{0}: the address {1!r} is not right: {2!r} is not in the web".format(what, shown, host))
    if "@" in parts.netloc and scheme != "ssh":
        raise Refused("{0}: the address is not right: it holds a password".format(what))
    return url


def _no_constant(name: str) -> Any:
    raise ValueError("{0} is no JSON".format(name))


def _unique(pairs: List[Any]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def parse_json(text: str, path: str) -> Any:
    """JSON without what readers understand differently (names that stand twice, NaN).

    Raises:
        Refused: it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Refused("{0!r} is not right: no JSON: {1}".format(path, reason[:200])) from None


def _problem(document: Any) -> str:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 a tenth of a second, and capture needs none

    with open(SCHEMA, encoding="utf-8") as stream:
        validator = jsonschema.Draft7Validator(json.load(stream))
    found = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if found is None:
        return ""
    at = "".join(
        "[{0}]".format(part) if isinstance(part, int) else "." + str(part)[:100] for part in found.absolute_path
    )
    value = repr(found.instance)
    value = value if len(value) <= 80 else value[:77] + "..."
    rule = " ".join("{0} {1!r}".format(found.validator, found.validator_value)[:160].split())
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
    """``document``, if it is a capture.

    Args:
        document: what JSON says.
        path: names it in the message.

    Raises:
        Refused: it is none; in one line, what is not right with it.
    """
    version = document.get("schema") if isinstance(document, dict) else None
    if isinstance(version, int) and not isinstance(version, bool) and version > 1:
        raise Refused(
            "{0!r} has schema {1}: this melda-env reads schema 1; a newer image reads it".format(path, version)
        )
    problem = _problem(document)
    if problem:
        raise Refused("{0!r} is not right: {1}".format(path, problem))
    for name in _twice(document):
        raise Refused("{0!r} is not right: {1} stands there twice".format(path, name))
    for package in document["python"]["packages"]:
        if not package["version"] and package["source"]["type"] in ("index", "local"):
            raise Refused("{0!r} is not right: {1} has no version".format(path, package["name"]))
    for package, url in _addresses(document):
        check_url(url, "{0!r}: {1}".format(path, package["name"]))
    found: Json = document
    return found


def empty() -> Json:
    """A capture of nothing, for what other formats say."""
    return {
        "schema": 1,
        "system": {"distribution": "", "release": ""},
        "python": {"version": "", "packages": []},
        "r": {"version": "", "packages": []},
    }
