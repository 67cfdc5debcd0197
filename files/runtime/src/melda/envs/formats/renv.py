"""renv.lock: https://rstudio.github.io/renv/reference/lockfiles.html."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Optional

from melda.envs import document
from melda.envs.addresses import with_git_user
from melda.envs.entries import lost
from melda.envs.errors import UsageError

Json = Dict[str, Any]
CRAN = "https://cran.r-project.org"
HOSTS = {"github": "GitHub", "gitlab": "GitLab", "bitbucket": "Bitbucket"}
# A capture's field and renv's.
REMOTE = (
    ("host", "RemoteHost"),
    ("owner", "RemoteUsername"),
    ("repository", "RemoteRepo"),
    ("subdirectory", "RemoteSubdir"),
    ("ref", "RemoteRef"),
    ("commit", "RemoteSha"),
    ("url", "RemoteUrl"),
)
BASE = {
    "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
    "tcltk", "tools", "translations", "utils",
}  # fmt: skip


def _origin(entry: Json) -> Json:
    source = entry["source"]
    kind = source["type"]
    if lost(entry):
        return {"Source": "Unknown"}
    remote = {
        theirs: with_git_user(source[ours])
        for ours, theirs in REMOTE
        if kind not in ("cran", "bioconductor") and ours in source
    }
    if kind in HOSTS:
        return {"Source": HOSTS[kind], "RemoteType": kind, **remote}
    if kind in ("git", "url"):
        return {"Source": {"git": "Git", "url": "URL"}[kind], "RemoteType": kind, **remote}
    if kind == "bioconductor":
        return {"Source": "Bioconductor"}
    if kind == "local":
        return {"Source": "Local"}
    return {"Source": "Repository", "Repository": "CRAN"}  # apt's binaries are CRAN's packages


def write(found: Json) -> str:
    """Return the R packages."""
    packages = {
        entry["name"]: {
            "Package": entry["name"],
            "Version": entry["version"],
            **_origin(entry),
            **({"Requirements": entry["needs"]} if entry.get("needs") else {}),
        }
        for entry in found["r"]["packages"]
    }
    releases = {entry["source"].get("release") for entry in found["r"]["packages"]} - {None}
    lock = {
        "R": {"Version": found["r"]["version"], "Repositories": [{"Name": "CRAN", "URL": CRAN}]},
        **(
            {"Bioconductor": {"Version": max(releases, key=lambda one: [int(n) for n in one.split(".")])}}
            if releases
            else {}
        ),
        "Packages": packages,
    }
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"


def _text(table: Json, field: str, what: str) -> str:
    value = table.get(field, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"invalid {what}: {field} must be text")
    return value


def _source(package: Json, release: str, what: str) -> Optional[Json]:
    kind = _text(package, "Source", what).lower()
    remote = {ours: value for ours, theirs in REMOTE for value in [_text(package, theirs, what)] if value}
    if kind in HOSTS:
        return {"type": kind, **{name: value for name, value in remote.items() if name != "url"}}
    if kind == "git":
        return {"type": "git", **{name: remote[name] for name in ("url", "commit") if name in remote}}
    if kind == "url":
        return {"type": "url", **{name: remote[name] for name in ("url",) if name in remote}}
    if kind == "bioconductor":
        return {"type": "bioconductor", **({"release": release} if release else {})}
    if kind in ("repository", "cran", "p3m", "rspm", ""):
        # Which mirror it was is the container's own matter: the file does not choose where from.
        return {"type": "cran", "repository": "CRAN"}
    return {"type": "local"}


def read(lock: Json, path: str) -> Json:
    """Return the environment.

    Args:
        lock: what JSON says.
        path: names the file in messages.

    Raises:
        UsageError: it is invalid.
    """
    about = lock.get("R", {})
    if not isinstance(about, dict):
        raise UsageError(f"invalid {path!r}: R must be an object")
    found = document.empty()
    found["r"]["version"] = _text(about, "Version", f"{path!r}: R")
    bioconductor = lock.get("Bioconductor", {})
    release = _text(bioconductor, "Version", f"{path!r}: Bioconductor") if isinstance(bioconductor, dict) else ""
    for key in sorted(lock["Packages"]):
        package, what = lock["Packages"][key], f"{path!r}: Packages.{key[:100]}"
        if not isinstance(package, dict) or package.get("Package", key) != key:
            raise UsageError(f"invalid {what}: expected an object about this package")
        if key in BASE:
            continue
        needs = package.get("Requirements", [])
        needs = (
            sorted({re.sub(r"\s*\(.*", "", one) for one in needs if isinstance(one, str)} - {"R"})
            if isinstance(needs, list)
            else []
        )
        found["r"]["packages"].append(
            {
                "name": key,
                "version": _text(package, "Version", what),
                "source": _source(package, release, what),
                **({"needs": needs} if needs else {}),
            }
        )
    return found
