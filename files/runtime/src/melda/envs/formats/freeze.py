"""requirements.txt as it is written: a requirement of one version, address or commit a line."""

from __future__ import annotations

from melda.envs import Json, addresses
from melda.envs.entries import lost

NOTHING = "# no packages beyond the image\n"


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
