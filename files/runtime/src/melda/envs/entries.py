"""What a capture says of packages, kept to what may be known: at the end of each capture, and at the beginning of each reading.

A field is kept if it fits the schema, an address if nothing in it is secret; what is dropped is named in ``dropped``. A package
whose name or version is no such thing has no entry. Then the finished document is looked through once more, every
string of it, for whatever looks like an address with a secret.
"""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Any, List, Optional, Sequence, Tuple

from melda.envs import Json, addresses
from melda.envs.errors import UsageError

REPOSITORIES = ("index", "apt", "cran", "bioconductor")  # where the address in the capture plays no part
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,199}")
# A package is what it is without these.
BESIDES = ("ref", "hashes")
SCHEMA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "schema.json")


@functools.lru_cache(maxsize=1)
def _shapes() -> Json:
    """By language: the properties of an entry, and by type those of its source, and which of them must be there."""
    with open(SCHEMA, encoding="utf-8") as stream:
        whole = json.load(stream)

    def resolved(shape: Any) -> Any:
        if isinstance(shape, dict):
            shape = {**whole["definitions"].get(str(shape.get("$ref", "")).rpartition("/")[2], {}), **shape}
            return {name: resolved(value) for name, value in shape.items()}
        return [resolved(one) for one in shape] if isinstance(shape, list) else shape

    schema, found = resolved(whole["properties"]), {}
    for language in ("python", "r"):
        entry = schema[language]["properties"]["packages"]["items"]["properties"]
        cases = {case["if"]["properties"]["type"]["const"]: case["then"] for case in entry["source"]["allOf"]}
        found[language] = {
            "entry": entry,
            "source": {kind: case["properties"] for kind, case in cases.items()},
            "required": {kind: case.get("anyOf", [case])[0]["required"] for kind, case in cases.items()},
        }
    return found


def _fits(value: object, shape: Json) -> bool:
    if "enum" in shape:
        return value in shape["enum"]
    if "const" in shape:
        return bool(value == shape["const"])
    if shape.get("type") == "string":
        fits = isinstance(value, str) and len(value) <= shape.get("maxLength", 500)
        return fits and re.search(shape.get("pattern", ""), str(value)) is not None
    if shape.get("type") == "array":
        items = value if isinstance(value, list) else [None]
        return len(items) <= shape["maxItems"] and all(_fits(one, shape["items"]) for one in items)
    return isinstance(value, bool)


def fits(language: str, entry: Any) -> bool:
    """Return whether an entry fits the schema, as far as is seen at once; else jsonschema is asked, which is far slower."""
    shapes = _shapes()[language]
    try:
        source = entry["source"]
        known = shapes["source"][source["type"]]
        return (
            {"name", "version"} <= entry.keys() and set(shapes["required"][source["type"]]) <= source.keys()
            and all(name == "source" or _fits(value, shapes["entry"][name]) for name, value in entry.items())
            and all(_fits(value, known[name]) for name, value in source.items())
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError):
        return False


def _fitting(value: object, shape: Json) -> Any:
    """``value``; of a list, what fits of it; None if it does not fit."""
    if isinstance(value, list) and "items" in shape:
        value = [one for one in value if _fits(one, shape["items"])]
    return value if "allOf" in shape or _fits(value, shape) else None


def _fetchable(url: str) -> bool:
    try:
        addresses.check(url, "")
    except UsageError:
        return False
    return True


def _source(source: Json, shapes: Json, required: Sequence[str]) -> Json:
    found: Json = {"type": source["type"]}
    dropped: List[str] = []
    inside = ""
    for field, value in source.items():
        if field == "url":
            known = addresses.safe(str(value))
            fine = bool(known.url) and _fetchable(known.url)
            dropped += known.dropped or (() if fine else (addresses.ADDRESS,))
            inside = known.subdirectory
            found.update({"url": known.url} if fine else {})
        elif field == "repository" and source["type"] == "cran":
            known = addresses.safe(value, ("https", "http"))
            plain = known.url or (value if REPOSITORY.fullmatch(value) else "")
            dropped += known.dropped if known.url else [] if plain else [field]
            found.update({field: plain} if plain else {})
        elif field not in ("type", "dropped"):
            fine = _fits(value, shapes[field]) and not (field == "path" and _like_an_address(value))
            dropped += [] if fine else [field]
            found.update({field: value} if fine else {})
    if inside and "subdirectory" in shapes and "subdirectory" not in source:
        fine = _fits(inside, shapes["subdirectory"])
        found.update({"subdirectory": inside} if fine else {})
        dropped += [] if fine else ["subdirectory"]
    missing = [one for one in required if one not in found and not (one == "url" and dropped)]
    dropped = sorted({*dropped, *(addresses.ADDRESS if one == "url" else one for one in missing)})
    return {**found, "dropped": dropped} if dropped else found


def _like_an_address(path: str) -> bool:
    return re.search(r"//|[?;@\\]", addresses.decoded(path)) is not None


def known(language: str, entry: Json) -> Optional[Json]:
    """Return what may be known of a package; None if it has no name, or no version.

    Args:
        language: python or r.
        entry: as its metadata has it.
    """
    shapes = _shapes()[language]
    fields = {name: _fitting(value, shapes["entry"][name]) for name, value in entry.items()}
    fields = {name: value for name, value in fields.items() if value is not None}
    if not {"name", "version"} <= fields.keys():
        return None
    kind = entry["source"]["type"]
    fields["source"] = _source(entry["source"], shapes["source"][kind], shapes["required"][kind])
    return fields


def lost(entry: Json) -> str:
    """Why a package cannot be had again from what the capture says of it; empty if nothing that matters was dropped."""
    source = entry["source"]
    dropped = [one for one in source.get("dropped", ()) if one not in BESIDES]
    if source["type"] in REPOSITORIES or "file" in entry or not dropped:
        return ""
    secret = [one for one in dropped if one in (addresses.USER, addresses.QUERY)]
    if secret:
        return "its address held {0}, which no capture keeps".format(
            " and ".join({addresses.USER: "a user name or password", addresses.QUERY: "a query"}[one] for one in secret)
        )
    return "the capture leaves out its {0}, which nobody could use".format(", ".join(dropped))


def _bare(entry: Json) -> Optional[Json]:
    """Name, version and type: what is left of an entry in which something still looks like a secret."""
    dropped = sorted({addresses.ADDRESS, *entry["source"].get("dropped", ())})
    bare = {
        "name": entry["name"],
        "version": entry["version"],
        "source": {"type": entry["source"]["type"], "dropped": dropped},
    }
    return None if _secret(bare) else bare


def _secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_secret(one) for item in value.items() for one in item)
    if isinstance(value, list):
        return any(_secret(one) for one in value)
    return isinstance(value, str) and addresses.holds_secret(value)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(one) for name, one in value.items() if not _secret(name)}
    if isinstance(value, list):
        return [_without(one) for one in value if not (isinstance(one, str) and _secret(one))]
    return "" if _secret(value) else value


def checked(found: Json) -> Tuple[Json, List[str]]:
    """Return a whole capture, in which no string looks like an address with a secret.

    Returns:
        The capture, the same if nothing was found, and what was dropped, by name.
    """
    told: List[str] = []
    result = dict(found)
    for language in ("python", "r"):
        packages = []
        for entry in found[language]["packages"]:
            kept = _bare(entry) if _secret(entry) else entry
            if kept is not entry:
                told.append(entry["name"] if kept else f"a {language} package")
            packages += [kept] if kept else []
        rest = {name: value for name, value in found[language].items() if name != "packages"}
        result[language] = {**rest, "packages": packages}
        if _secret(rest):
            told.append(language)
            result[language] = {**_without(rest), "packages": packages}
    rest = {name: value for name, value in found.items() if name not in ("python", "r")}
    if _secret(rest):
        told.append("system or kernels")
        result = {name: result[name] if name in ("python", "r") else _without(value) for name, value in found.items()}
    return result, told


def cleaned(found: Any) -> Any:
    """Return a capture of whichever age, right or not, without anything that looks like an address with a secret."""
    found = disarmed(found)
    try:
        return checked(found)[0]
    except (KeyError, TypeError, AttributeError, ValueError):
        return _without(found)  # it is no capture, and nobody restores it


def disarmed(found: Any) -> Any:
    """Return what somebody wrote as a capture, without the secrets in the addresses of its packages.

    All else is as it is, for the schema to judge. Captures of older images hold such addresses: they cost their packages,
    never the file.
    """
    if not isinstance(found, dict):
        return found
    result = dict(found)
    for language in ("python", "r"):
        part = found.get(language)
        if isinstance(part, dict) and isinstance(part.get("packages"), list):
            result[language] = {**part, "packages": [disarmed_entry(language, one) for one in part["packages"]]}
    return result


def disarmed_entry(language: str, entry: Any) -> Any:
    """Return an entry without the secrets in its address; see :func:`disarmed`."""
    source = entry.get("source") if isinstance(entry, dict) else None
    if not isinstance(source, dict) or str(source.get("type")) not in _shapes()[language]["source"]:
        return entry
    found: Json = {}
    dropped: List[str] = []
    for field, value in source.items():
        if not isinstance(value, str) or not (field == "url" or addresses.holds_secret(value)):
            found[field] = value
        elif field == "url":
            address = addresses.safe(value)
            # http://, say, is no secret: it is refused by who checks addresses.
            found[field] = address.url or value
            if address.dropped not in ((), (addresses.ADDRESS,)):
                dropped += address.dropped
                found = {name: one for name, one in found.items() if name != "url" or address.url}
        else:
            dropped.append(field)
    given = source.get("dropped")
    if dropped and (given is None or isinstance(given, list)):
        found["dropped"] = sorted({*dropped, *(str(one) for one in given or ())})
    return {**entry, "source": found}
