"""What each layer of an image adds, and what it repeats: ``python -m builder.layers IMAGE``.

A file that a later layer changes, in its mode alone too, is stored, pushed and pulled twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import tarfile
from dataclasses import asdict, dataclass, field
from typing import IO, Any, cast

from builder import build_folder, engine
from builder import docker as client
from builder.errors import BuildError, exit_code

# Paths of a layer that are shown: the largest that it repeats.
SHOWN = 3
# Path -> bytes.
Files = dict[str, int]


@dataclass
class Layer:
    """What a layer holds.

    Attributes:
        size: bytes of its files.
        repeated: bytes of those that an earlier layer has too.
        paths: of the latter, the largest first, with their bytes.
    """

    size: int
    repeated: int = 0
    paths: Files = field(default_factory=dict)


def _files(stream: IO[bytes]) -> Files:
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        return {member.name.removeprefix("./"): member.size for member in layer if member.isreg()}


def read(stream: IO[bytes]) -> list[Files]:
    """Return the files of each layer, the lowest first, from what ``docker save`` writes."""
    found: dict[str, Files] = {}
    links: dict[str, str] = {}
    manifest: list[dict[str, Any]] = []
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if member.issym():
                # A layer that is there twice (moby's image/tarexport/save.go).
                links[member.name] = member.linkname.removeprefix("../")
            elif content and member.name == "manifest.json":
                manifest = json.load(content)
            elif content and (member.name.endswith("/layer.tar") or member.name.startswith("blobs/")):
                # Of an engine from 25 on the configuration is a blob too.
                try:
                    found[member.name] = _files(content)
                except tarfile.ReadError:
                    continue
    names = [links.get(name, name) for name in manifest[0]["Layers"]]
    return [found.get(name, {}) for name in names]


def _walked(folder: str) -> Files:
    found: Files = {}
    seen = set()
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            stats = os.lstat(path)
            if stat.S_ISREG(stats.st_mode):
                found[os.path.relpath(path, folder)] = 0 if stats.st_ino in seen else stats.st_size
                seen.add(stats.st_ino)
    return found


def on_disk(inspected: dict[str, Any]) -> list[Files]:
    """Return the files of each layer from the engine's own folders, in a tenth of the time; none where they cannot be read.

    Args:
        inspected: what ``docker image inspect`` says.
    """
    driver = inspected.get("GraphDriver") or {}
    data = driver.get("Data") or {}
    folders = [*filter(None, reversed(data.get("LowerDir", "").split(":"))), data.get("UpperDir", "")]
    readable = all(os.access(folder, os.R_OK | os.X_OK) for folder in folders)
    # https://docs.docker.com/engine/storage/drivers/overlayfs-driver/
    if driver.get("Name") != "overlay2" or len(folders) != len(inspected["RootFS"]["Layers"]) or not readable:
        return []
    return [_walked(folder) for folder in folders]


def described(layers: list[Files]) -> list[Layer]:
    """Return what each layer adds to those below it."""
    below: set[str] = set()
    found = []
    for files in layers:
        again = sorted(files.keys() & below, key=lambda path: (-files[path], path))
        paths = {path: files[path] for path in again[:SHOWN]}
        found.append(Layer(sum(files.values()), sum(files[path] for path in again), paths))
        below |= files.keys()
    return found


def _saved(docker: str, image: str) -> list[Files]:
    with subprocess.Popen([docker, "save", image], stdout=subprocess.PIPE) as save:
        try:
            found = read(cast("IO[bytes]", save.stdout))
        except (tarfile.TarError, IndexError):
            found = []
    if save.returncode or not found:
        raise BuildError(f"docker save of {image} failed: the line that says why is above")
    return found


def of(docker: str, image: str) -> list[Layer]:
    """Return the layers of an image, the lowest first. They are read once, and remembered in build/layers.

    Raises:
        BuildError: there is no such image, or it cannot be read.
    """
    inspected = client.inspect(docker, "image", image)
    number = hashlib.sha256("\n".join(inspected["RootFS"]["Layers"]).encode()).hexdigest()
    path = build_folder.FOLDER / "layers" / f"{number[:32]}.json"
    try:
        return [Layer(**layer) for layer in json.loads(path.read_text())]
    except (FileNotFoundError, ValueError, TypeError):  # not read yet, or damaged
        found = described(on_disk(inspected) or _saved(docker, image))
    build_folder.write(path, json.dumps([asdict(layer) for layer in found], indent=1) + "\n")
    return found


def table(layers: list[Layer]) -> str:
    """Return lines for a person: what each layer adds, what it repeats, the largest files of that."""
    lines = [f"{'layer':>5} {'MB':>8} {'repeats MB':>11}  the largest repeated"]
    for number, layer in enumerate(layers, 1):
        paths = ", ".join(f"/{path} ({size / 1e6:.1f})" for path, size in layer.paths.items() if size >= 1e5)
        lines.append(f"{number:5} {layer.size / 1e6:8.1f} {layer.repeated / 1e6:11.1f}  {paths}".rstrip())
    return "\n".join(lines)


def main() -> int:
    """Print the table of an image; exit code 2 if there is none."""

    def work() -> int:
        if len(sys.argv) != 2:
            raise BuildError("give the name of an image")
        print(table(of(engine.ready(), sys.argv[1])))
        return 0

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
