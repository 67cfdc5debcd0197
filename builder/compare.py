"""``make compare OLD= NEW=``: what changed between two images, or their manifests, as Markdown and as JSON.

With snapshots of projects (``CAPTURES=``) also what becomes of what their users installed, see builder/compare_projects.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from builder import build_folder, manifest, markdown
from builder import docker as client
from builder.errors import BuildError

FOLDER = build_folder.FOLDER / "compare"
LANGUAGES = ("R", "Python")
# Instructions that make no layer, as `docker history` shows them.
_NO_LAYER = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER"
    r"|VOLUME)\b"
)


def layers(docker: str, image: str) -> list[dict[str, Any]]:
    """Return the layers of an image, the lowest first: number and bytes; 0 where docker does not tell which has how many.

    Raises:
        BuildError: the image is not there.
    """
    found = client.inspect(docker, "image", image)["RootFS"]["Layers"]
    shown = client.call(
        docker, "history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image
    )
    rows = [line.partition("\t") for line in reversed(shown.splitlines())]
    made = [int(size) for size, _, by in rows if int(size) or not _NO_LAYER.match(by)]
    filled = [size for size in made if size]
    sizes = next((one for one in (made, filled) if len(one) == len(found)), [0] * len(found))
    return [{"id": number, "size": size} for number, size in zip(found, sizes, strict=True)]


def _is_sound(found: dict[str, Any]) -> bool:
    """Has a file what is compared? Else one of these errors is raised: ValueError, KeyError, TypeError, AttributeError."""
    layers_known = all(one["id"] and one["size"] >= 0 for one in found.get("layers", []))
    # The languages, and the distribution.
    versions = found["versions"]
    languages = all(isinstance(versions[language], dict) for language in LANGUAGES)
    return bool(found["image"]) and languages and len(versions) == len(LANGUAGES) + 1 and layers_known


def load(docker: str, what: str, name: str) -> dict[str, Any]:
    """Return the manifest of an image, with its layers, or the one in a file.

    Args:
        docker: path of the client; empty: there is none, and only files can be read.
        what: an image, or the JSON of a manifest.
        name: of the variable.

    Raises:
        BuildError: it is neither.
    """
    if what.endswith(".json"):
        try:
            found = json.loads(Path(what).read_text())
            if _is_sound(found):
                return dict(found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        raise BuildError(f"invalid {name}={what}: expected the JSON of a manifest that `make image` wrote")
    if not what:
        raise BuildError(f"invalid {name}=: expected an image, or the JSON of a manifest")
    return {**manifest.describe(docker, what, name), "layers": layers(docker, what)}


def packages(old: dict[str, str], new: dict[str, str]) -> dict[str, Any]:
    """Return packages that were added, removed and changed; each by name."""
    return {
        "added": {name: new[name] for name in sorted(new.keys() - old.keys())},
        "removed": {name: old[name] for name in sorted(old.keys() - new.keys())},
        "changed": {name: [old[name], new[name]] for name in sorted(old.keys() & new.keys()) if old[name] != new[name]},
    }


def _distribution(versions: dict[str, Any]) -> str:
    return next(f"{key} {value}" for key, value in versions.items() if key not in LANGUAGES)


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what changed between two manifests."""
    found: dict[str, Any] = {
        "old": {name: old.get(name, "") for name in ("image", "id", "created", "revision", "base", "size", "number")},
        "new": {name: new.get(name, "") for name in ("image", "id", "created", "revision", "base", "size", "number")},
        "distribution": [_distribution(old["versions"]), _distribution(new["versions"])],
        "omitted": [old.get("omitted", []), new.get("omitted", [])],
    }
    for language in LANGUAGES:
        mine, theirs = ({**one["versions"][language]} for one in (old, new))
        found[language] = {"version": [mine.pop(language, ""), theirs.pop(language, "")], **packages(mine, theirs)}
    if "layers" in old and "layers" in new:
        there = {one["id"] for one in old["layers"]}
        fresh = [one for one in new["layers"] if one["id"] not in there]
        # An engine says how many bytes a layer has on disk; what travels is compressed, a third to a half of that.
        found["layers"] = {"all": len(new["layers"]), "new": len(fresh), "bytes": sum(one["size"] for one in fresh)}
    return found


def _packages(language: str, part: dict[str, Any]) -> list[str]:
    rows = [(name, "", version) for name, version in part["added"].items()]
    rows += [(name, version, "") for name, version in part["removed"].items()]
    rows += [(name, *both) for name, both in part["changed"].items()]
    counts = ", ".join(f"{len(part[kind])} {kind}" for kind in ("added", "removed", "changed"))
    lines = [f"## {language} packages", "", f"{counts}.", ""]
    if rows:
        lines += markdown.table(("package", "old", "new"), sorted(rows))
    return lines


def _size(value: object) -> str:
    return f"{value / 1e9:.2f} GB" if isinstance(value, (int, float)) and value else "unknown"


def page(found: dict[str, Any]) -> str:
    """Return a comparison as a page."""
    old, new = found["old"], found["new"]
    rows: list[tuple[object, ...]] = [("distribution", *found["distribution"])]
    rows += [(language, *(version or "none" for version in found[language]["version"])) for language in LANGUAGES]
    rows += [(name, old[name] or "unknown", new[name] or "unknown") for name in ("base", "revision", "created")]
    rows += [("size", _size(old["size"]), _size(new["size"]))]
    rows += [("left out", *("; ".join(one) or "nothing" for one in found["omitted"]))]
    lines = [f"# {old['image']} and {new['image']}", "", *markdown.table(("", "old", "new"), rows)]
    if "layers" in found:
        part = found["layers"]
        size = f"{part['bytes'] / 1e6:.0f} MB unpacked" if part["bytes"] or not part["new"] else "of unknown size"
        lines += [f"To pull: {part['new']} of {part['all']} layers, {size}.", ""]
    for language in LANGUAGES:
        lines += _packages(language, found[language])
    if "projects" in found:
        lines += ["## What users installed", "", *_projects(found["projects"])]
    return "\n".join(lines)


def _projects(projects: list[dict[str, Any]]) -> list[str]:
    rows = [
        (project["project"], *(one[name] for name in ("language", "name", "version", "comes")))
        for project in projects
        for one in project["packages"]
    ]
    kinds = Counter(one["comes"].partition(" (")[0] for project in projects for one in project["packages"])
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
    head = ("project", "language", "package", "version", "comes")
    return [f"{len(projects)} projects: {told}.", "", *markdown.table(head, rows)]


def write(found: dict[str, Any], folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write both.

    Returns:
        The page, the JSON.
    """
    name = "{0}..{1}".format(*(build_folder.name(found[one]["image"]) for one in ("old", "new")))
    written = build_folder.write(folder / f"{name}.md", page(found))
    return written, build_folder.write(folder / f"{name}.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
