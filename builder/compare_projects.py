"""What becomes of packages that users installed, in another image: read from the snapshots of their projects."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from melda.versions.libraries import normal

from builder import docker as client
from builder.errors import BuildError

LARGEST = 16 << 20  # bytes of a snapshot
BINARY, COMPILED, NEVER, UNKNOWN = "as binary", "compiled", "cannot be had", "unknown"
UV = Path(sys.executable).parent / "uv"
REPOSITORIES = ("cran", "apt", "bioconductor")


def snapshots(where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each project and its newest snapshot.

    Args:
        where: a snapshot, a folder of projects, or ``s3://BUCKET/FOLDER``, which the AWS command line reads.

    Raises:
        BuildError: there is none.
    """
    with tempfile.TemporaryDirectory() as fetched:
        folder = Path(where)
        if where.startswith("s3://"):
            folder = Path(fetched)
            aws = shutil.which("aws")
            if not aws:
                raise BuildError(
                    f"invalid CAPTURES={where}: expected a folder, or the AWS command line (aws) for a bucket"
                )
            copy = [aws, "s3", "cp", "--recursive", "--only-show-errors", "--exclude", "*"]
            done = subprocess.run(
                [*copy, "--include", "*environment.json", where, fetched], capture_output=True, text=True, check=False
            )
            if done.returncode:
                reason = client.reason(done.stderr)
                raise BuildError(f"invalid CAPTURES={where}: expected a folder that aws can read ({reason})")
        found = [folder] if folder.is_file() else sorted(folder.rglob("environment.json"))
        ours = {path.parent.parent for path in found if path.parent.name == ".melda-jupyter"}
        # What the sync daemon wrote, and only where there is none what the user captured; never the parent's of a fork.
        chosen = [path for path in found if path.parent.name == ".melda-jupyter" or path.parent not in ours]
        chosen = [path for path in chosen if ".melda-jupyter/fork" not in str(path)]
        if not chosen:
            raise BuildError(f"invalid CAPTURES={where}: expected a folder or a bucket with environment.json in it")
        for path in chosen:
            document = _read(path)
            if document:
                place = path.parent.parent if path.parent.name == ".melda-jupyter" else path.parent
                yield (str(place.relative_to(folder)) if folder.is_dir() else path.name), document


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError
        found = json.loads(path.read_text())
        for kind in ("python", "r"):
            if not all(one["name"] and one["source"]["type"] for one in found[kind]["packages"]):
                raise ValueError
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        print(f"skipped  {path}: no snapshot of melda-env capture", flush=True)
        return {}


def _uv(lines: list[str], version: str, *options: str) -> str:
    """Resolve requirements for another Python, each by itself; what uv says; empty if it cannot."""
    command = [str(UV), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-deps", *options]
    done = subprocess.run(
        [*command, "--python-version", version, "--python-platform", "linux", "-"],
        input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else ""


class Python:
    """How Python packages come, in a Python.

    Args:
        version: of it, as 3.13.5.
        image: versions of its own packages by name.
    """

    def __init__(self, version: str, image: dict[str, str]) -> None:
        self._version, self._image = version, {normal(name): one for name, one in image.items()}
        self._known: dict[tuple[str, str], str] = {}

    def comes(self, entry: dict[str, Any]) -> str:
        """Return how one comes."""
        key = (entry["name"], entry["version"])
        kind = entry["source"]["type"]
        if kind != "index":
            pure = "file" in entry and entry["file"]["name"].endswith("-none-any.whl")
            return BINARY if pure else NEVER if kind == "local" and not entry["source"].get("editable") else COMPILED
        if key not in self._known:
            self._known[key] = self._ask(*key)
        return self._known[key]

    def _ask(self, name: str, version: str) -> str:
        if self._image.get(name) == version:
            return f"{BINARY} (it is the image's)"
        if _uv([f"{name}=={version}"], self._version, "--only-binary", ":all:"):
            return BINARY
        newest = re.search(r"==(\S+)", _uv([name], self._version, "--only-binary", ":all:"))
        if newest:
            return f"{BINARY} ({newest[1]})"
        return COMPILED if _uv([f"{name}=={version}"], self._version) else NEVER


class R:
    """How R packages come.

    Args:
        apt: R packages that apt has, version by name in lower case; None: nobody could be asked.
        image: versions of the image's own packages by name.
    """

    def __init__(self, apt: dict[str, str] | None, image: dict[str, str]) -> None:
        self._apt, self._image = apt, image

    def comes(self, entry: dict[str, Any]) -> str:
        """Return how one comes."""
        kind = entry["source"]["type"]
        if "file" in entry:
            return f"{BINARY} (the copy that was kept)"
        if kind == "local" or entry["source"].get("dropped"):
            return NEVER
        return self._of_repository(entry) if kind in REPOSITORIES else COMPILED

    def _of_repository(self, entry: dict[str, Any]) -> str:
        if self._image.get(entry["name"]) == entry["version"]:
            return f"{BINARY} (it is the image's)"
        if self._apt is None:
            return UNKNOWN
        version = self._apt.get(entry["name"].lower(), "")
        if not version:
            return COMPILED
        return BINARY if version.replace("-", ".") == entry["version"].replace("-", ".") else f"{BINARY} ({version})"


def in_apt(docker: str, image: str) -> dict[str, str]:
    """Return version by name, in lower case, of the R packages that apt has in an image; it fetches apt's lists.

    Raises:
        BuildError: it cannot be asked.
    """
    script = "apt-get update -qq >&2 && apt-cache dumpavail | grep -E '^(Package|Version): '"
    shown = client.call(docker, "run", "--rm", "--user", "root", "--entrypoint", "sh", image, "-c", script)
    pairs = re.findall(r"^Package: r-(?:cran|bioc)-(\S+)\nVersion: (\S+)$", shown, re.MULTILINE)
    return {name: re.sub(r"^\d+:|[+~].*|-[^-]*$", "", version) for name, version in pairs}


def describe(where: str, new: dict[str, Any], apt: dict[str, str] | None) -> list[dict[str, Any]]:
    """Return how each package of each project comes in another image.

    Args:
        where: see :func:`snapshots`.
        new: manifest of the image.
        apt: see :class:`R`.

    Raises:
        BuildError: there is no snapshot.
    """
    versions = new["versions"]
    ways: dict[str, Python | R] = {
        "python": Python(versions["Python"]["Python"], versions["Python"]),
        "r": R(apt, versions["R"]),
    }
    found = []
    for project, document in snapshots(where):
        listed = [
            {"language": {"python": "Python", "r": "R"}[kind], "name": one["name"], "version": one["version"],
             "comes": way.comes(one)}
            for kind, way in ways.items()
            for one in document[kind]["packages"]
        ]  # fmt: skip
        found.append({"project": project, "packages": listed})
    return found
