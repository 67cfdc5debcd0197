"""requirements.txt, as pip and uv read it: https://pip.pypa.io/en/stable/reference/requirements-file-format/."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple
from urllib import parse

from melda.envs import addresses, document
from melda.envs.entries import lost
from melda.envs.errors import UsageError

Json = Dict[str, Any]
HASH = re.compile(r"--hash[= ](sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def _address(entry: Json) -> str:
    """Return a direct reference (PEP 508, 610), as pip freeze writes it."""
    source = entry["source"]
    fragment = {}
    if source.get("subdirectory"):
        fragment["subdirectory"] = source["subdirectory"]
    if source["type"] == "vcs":
        url = "git+{0}@{1}".format(addresses.with_git_user(source["url"]), source["commit"])
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
    return "".join(lines)


def _logical(text: str) -> Iterator[Tuple[int, str]]:
    """Numbered lines without comments, continued ones joined, as pip does it."""
    number, joined = 0, ""
    for at, raw in enumerate(text.splitlines(), 1):
        number = number or at
        if raw.endswith("\\") and not re.match(r"\s*#", raw):
            joined += raw[:-1] + " "
            continue
        one = re.sub(r"(^|\s)#.*$", "", joined + raw).strip()
        if one:
            yield number, one
        number, joined = 0, ""
    if joined.strip():
        yield number, joined.strip()


def _direct(url: str, what: str) -> Json:
    """Return the source that a direct reference names."""
    address, _, fragment = url.partition("#")
    output = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
    inside = {"subdirectory": parse.unquote(output["subdirectory"])} if output.get("subdirectory") else {}
    if address.startswith("git+"):
        address, _, commit = address[4:].rpartition("@")
        if not COMMIT.fullmatch(commit):
            message = "{0}: invalid {1!r}: it must end in @ and a whole commit"
            raise UsageError(message.format(what, addresses.hide(url)[:200]))
        return {"type": "vcs", "vcs": "git", "url": address, "commit": commit, **inside}
    hashes = [f"{name}:{output[name]}" for name in ("sha256", "sha384", "sha512") if output.get(name)]
    return {"type": "url", "url": address, **({"hashes": hashes} if hashes else {}), **inside}


def _requirement(text: str, what: str) -> Any:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 not with the launcher's Python

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        shown = addresses.hide(text)[:100]
        raise UsageError(f"{what}: invalid {shown!r}: {addresses.hide(reason)[:200]}") from None


def _exact(specifier: Any) -> str:
    """Return the one version that a specifier allows; empty if there may be several."""
    found = [one.version for one in specifier if one.operator in ("==", "===")]
    return str(found[0]) if len(found) == 1 == len(list(specifier)) and "*" not in found[0] else ""


def read(text: str, path: str) -> Tuple[Json, List[str]]:
    """Return the environment, and the requirements that name no exact version.

    Raises:
        UsageError: a line is invalid, or would have pip look elsewhere.
    """
    from melda.versions.libraries import normal  # noqa: PLC0415

    entries: Dict[str, Json] = {}
    loose: List[str] = []
    for number, given in _logical(text):
        what = f"{path!r}, line {number}"
        hashes = sorted(match.group(1) for match in HASH.finditer(given))
        bare = HASH.sub("", given).strip()
        if bare.startswith("-") or re.search(r"\s--?[A-Za-z]", bare):
            message = "{0}: invalid {1!r}: options are not taken, only packages"
            raise UsageError(message.format(what, addresses.hide(bare)[:100]))
        one = _requirement(bare, what)
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        name = normal(one.name)
        version = _exact(one.specifier)
        if one.url:
            source = _direct(one.url, what)
            if hashes and source["type"] == "url":
                source, hashes = {**source, "hashes": hashes}, []
        elif version:
            source = {"type": "index"}
        else:
            loose.append(
                "{0}{1}{2}".format(
                    name, "[{0}]".format(",".join(sorted(one.extras))) if one.extras else "", one.specifier
                )
            )
            continue
        entry: Json = {"name": name, "version": version, "source": source, **({"hashes": hashes} if hashes else {})}
        if entries.setdefault(name, entry) != entry:
            raise UsageError(f"{what}: {name} stands there twice, and not the same")
    found = document.empty()
    found["python"]["packages"] = [entries[name] for name in sorted(entries)]
    return found, loose
