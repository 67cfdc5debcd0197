"""What is in an image, for people and programs: a manifest as Markdown and as JSON beside it.

The bill of materials (builder/sbom.py) is for scanners and lists every package there is; this says what a user of the image asks:
which release, which R and Python, which of their packages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builder import build_folder, markdown, tags
from builder import docker as client
from builder.errors import BuildError

FOLDER = build_folder.FOLDER / "manifest"
_LABEL = "org.opencontainers.image."


def versions(docker: str, image: str) -> dict[str, Any]:
    """Return what ``get-versions`` says in a container of the image, without network.

    Raises:
        BuildError: it did not run, or its output is not what was asked for.
    """
    command = ["--rm", "--network", "none", "--entrypoint", "get-versions", image, "--output", "-"]
    output = client.call(docker, "run", *command)
    try:
        found: dict[str, Any] = json.loads(output)
        if not all(isinstance(found[language], dict) for language in ("Python", "R")) or len(found) != 3:
            raise ValueError("not the three parts it must have")
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"get-versions gave no versions of {image}: {error}") from None
    return found


def number(docker: str, image: str) -> str:
    """Return the number that stands for all that is installed in an image: its containers know the same one.

    Raises:
        BuildError: it did not run, or its output is not what was asked for.
    """
    command = ["--rm", "--network", "none", "--entrypoint", "melda-env", image, "capture", "-"]
    try:
        return str(json.loads(client.call(docker, "run", *command))["system"]["image"])
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"melda-env gave no snapshot of {image}: {error}") from None


def describe(docker: str, image: str, variable: str = "IMAGE") -> dict[str, Any]:
    """Return the manifest.

    Args:
        image: name of the image.
        variable: that names it.

    Raises:
        BuildError: the image is not there, or ``make image`` did not build it.
    """
    if not client.exists(docker, "image", image):
        raise BuildError(f"invalid {variable}={image}: expected an image of this engine; `make image` builds it")
    found = client.inspect(docker, "image", image)
    labels = found["Config"]["Labels"] or {}
    if "io.melda.omitted" not in labels:
        raise BuildError(f"invalid {variable}={image}: expected an image that `make image` built")
    # By its number: the name may move to another image meanwhile.
    inside = versions(docker, found["Id"])
    created, revision = labels.get(f"{_LABEL}created", found["Created"]), labels.get(f"{_LABEL}revision", "")
    return {
        "image": image,
        "id": found["Id"],
        "tags": tags.tags(inside, created, revision),
        "platform": f"{found['Os']}/{found['Architecture']}",
        "size": found["Size"],
        "created": created,
        "revision": revision,
        "version": labels.get(f"{_LABEL}version", ""),
        "support_ends": labels.get("io.melda.support-ends", ""),
        "base": labels.get(f"{_LABEL}base.name", ""),
        "omitted": [line for line in labels["io.melda.omitted"].split("; ") if line],
        "number": number(docker, found["Id"]),
        "versions": inside,
    }


def written(docker: str, image: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """Return the manifest that an earlier build of the same image wrote; none if there is none, or it cannot be read."""
    try:
        found: dict[str, Any] = json.loads(paths(image, folder)[1].read_text())
        page(found)  # of a damaged one it cannot be made
        return found if (found["image"], found["id"]) == (image, client.inspect(docker, "image", image)["Id"]) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return None


def page(manifest: dict[str, Any]) -> str:
    """Return the manifest as a page: what it is, then R's and Python's packages."""
    inside = manifest["versions"]
    distribution = next(f"{key} {value}" for key, value in inside.items() if key not in ("Python", "R"))
    rows = [
        ("distribution", distribution),
        *((name, str(inside[name].get(name) or "none")) for name in ("R", "Python")),
        ("platform", manifest["platform"]),
        ("version", manifest["version"] or "unknown"),
        ("base", f"`{manifest['base']}`, security updates until {manifest['support_ends'] or 'an unknown day'}"),
        ("created", manifest["created"]),
        ("revision", f"`{manifest['revision']}`" if manifest["revision"] else "unknown"),
        ("id", f"`{manifest['id']}`"),
        ("size", f"{manifest['size'] / 1e9:.2f} GB"),
        ("left out", "; ".join(manifest["omitted"]) or "nothing"),
        ("tags", ", ".join(f"`{tag}`" for tag in manifest["tags"])),
    ]
    lines = [f"# {manifest['image']}", "", *markdown.table(("", ""), rows)]
    for name in ("R", "Python"):
        packages = [(key, str(value)) for key, value in inside[name].items() if key != name]
        lines += [
            f"## {name} packages",
            "",
            f"{len(packages)} packages.",
            "",
            *markdown.table(("package", "version"), packages),
        ]
    return "\n".join(lines)


def paths(image: str, folder: Path = FOLDER) -> tuple[Path, Path]:
    """Return where the page and the JSON of ``image`` lie."""
    name = build_folder.name(image)
    return folder / f"{name}.md", folder / f"{name}.json"


def write(manifest: dict[str, Any], folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write both.

    Returns:
        The page, the JSON.
    """
    readable, data = paths(manifest["image"], folder)
    build_folder.write(readable, page(manifest))
    build_folder.write(data, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    return readable, data
