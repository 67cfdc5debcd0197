"""What a change of one file makes new on a registry, and how long the image is built again."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import OURS, Result, Target
from bench.workbench import ROOT, Workbench, copy
from builder.errors import BuildError
from tasks.lib.locks import entries, pins
from tests.container.registry import Registry

NAME = "layers"
REPEATS = 2
WHOLE, FIRST = "the whole image", "all steps"
PACKAGES = "datascience"
# Nothing needs them, and each needs nothing that is not there without it.
R_PACKAGE, PYTHON_PACKAGE = "ggthemes", "wordcloud"
NOTE = (
    f"Layers: packages={PACKAGES} as `make image` builds and labels it, then again after one change of the tree, and "
    "pushed to a registry on the same machine. MB are those of the layers that the registry had not, packed as they are pushed "
    "and pulled. A line: a comment at the end of a file of the runtime. R and Python: "
    f"`{R_PACKAGE}` and `{PYTHON_PACKAGE}`, which the first build lacks. Each change alone. All steps: the first build, in "
    "which each step runs; what the cache mounts hold is not downloaded."
)
BUILD = (
    "import sys; from builder import image; from builder.settings import Settings;"
    f" image.build(*sys.argv[1:4], Settings(image=sys.argv[4], packages='{PACKAGES}'))"
)
REPOSITORY = "melda"


def a_line(tree: Path) -> None:
    """Change the runtime."""
    _append(tree / "files/runtime/src/melda/boot/stop.py", "# A comment.\n")


def an_r_package(tree: Path) -> None:
    """Add to the R packages."""
    _append(tree / f"files/packages/r-{PACKAGES}.txt", f"{R_PACKAGE}\n")


def a_python_package(tree: Path) -> None:
    """Add to the Python packages of each Python."""
    for lock in _locks(tree):
        lock.write_text((ROOT / lock.relative_to(tree)).read_text())


def without(tree: Path) -> None:
    """Take out what is added later."""
    listed = tree / f"files/packages/r-{PACKAGES}.txt"
    listed.write_text(re.sub(rf"\b{R_PACKAGE}\b", "", listed.read_text()))
    for lock in _locks(tree):
        lock.write_text(
            "".join(entry for entry in entries(lock.read_text()) if PYTHON_PACKAGE not in pins(entry.encode()))
        )


def _locks(tree: Path) -> list[Path]:
    return sorted((tree / "files/packages/locks").glob(f"{PACKAGES}-*.txt"))


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


CHANGES: dict[str, tuple[Callable[[Path], None], list[Target]]] = {
    "nothing": (lambda _: None, [Target(0.0)]),
    "one line of the runtime": (a_line, [Target(60.0)]),
    "one R package more": (an_r_package, [Target(0.25, WHOLE)]),
    "one Python package more": (a_python_package, [Target(0.25, WHOLE)]),
}
TIMES = {"nothing": [Target(3.0)], "one line of the runtime": [Target(0.15, FIRST)]}


class Images:
    """Builds images of a tree and pushes them.

    Args:
        workbench: of this run.
        folder: with the configuration of the docker client that is logged in.
        registry: where to push.
    """

    def __init__(self, workbench: Workbench, folder: Path, registry: Registry) -> None:
        self.workbench, self.folder, self.registry = workbench, folder, registry
        login = ["login", "--username", registry.user, "--password-stdin", registry.host]
        command = [workbench.docker, "--config", str(folder), *login]
        subprocess.run(command, input=registry.password, text=True, capture_output=True, check=True)

    def build(self, tree: Path, tag: str) -> float:
        """Seconds that a build of both images takes."""
        path = f"{tree}:{tree / 'files/runtime/src'}"
        given = [self.workbench.docker, "the base", self.workbench.base_image, tag]
        began = time.monotonic()
        self.workbench.run("building", [sys.executable, "-c", BUILD, *given], cwd=tree, PYTHONPATH=path)
        return time.monotonic() - began

    def push(self, image: str, tag: str) -> dict[str, int]:
        """Digests and bytes of an image's layers, once they are in the registry."""
        name = f"{self.registry.host}/{REPOSITORY}:{tag}"
        docker = [self.workbench.docker, "--config", str(self.folder)]
        self.workbench.run("naming", [*docker, "tag", image, name])
        try:
            self.workbench.run("pushing", [*docker, "push", "--quiet", name])
        finally:
            subprocess.run([*docker, "image", "rm", name], capture_output=True, check=False)
        return self.registry.layers(REPOSITORY, tag)


def tree(folder: Path, token: str) -> Path:
    """Return a copy of the repository whose builds have steps of their own, which are found again by ``token``."""
    folder.mkdir()
    copied = copy(folder)
    shell = f'SHELL ["/usr/bin/env", "MELDA_BENCH={token}", "/bin/sh", "-c"]'
    for dockerfile in (copied / "Dockerfile.base", copied / "Dockerfile"):
        # Nothing can run in what is made of nothing.
        text = re.sub(r"^(FROM (?!scratch).*)$", rf"\1\n{shell}", dockerfile.read_text(), flags=re.MULTILINE)
        dockerfile.write_text(text)
    without(copied)
    return copied


def once(images: Images, folder: Path, number: int, found: dict[str, dict[str, list[float]]]) -> None:
    """Build and push all states of a tree, once.

    Raises:
        BuildError: a change made nothing new: it was no change.
    """
    token = f"{images.workbench.token}-{number}"
    unchanged = tree(folder / "unchanged", token)
    first = images.build(unchanged, f"{token}-image")
    layers = images.push(f"{token}-image", f"first-{number}")
    print(f"    the whole image: {sum(layers.values()) / 1e6:.0f} MB, {first:.1f} s", flush=True)
    for position, (what, (change, _)) in enumerate(CHANGES.items()):
        changed = tree(folder / f"changed-{position}", token)
        change(changed)
        seconds = images.build(changed, f"{token}-changed")
        now = images.push(f"{token}-changed", f"{position}-{number}")
        new = sum(size for digest, size in now.items() if digest not in layers)
        if what != "nothing" and not new:
            raise BuildError(f"{what} made no layer new: the row would measure nothing")
        print(f"    {what}: {new / 1e6:.1f} MB, {seconds:.1f} s", flush=True)
        samples = {"MB": {OURS: new / 1e6, WHOLE: sum(now.values()) / 1e6}, "s": {OURS: seconds, FIRST: first}}
        for unit, values in samples.items():
            for name, value in values.items():
                found.setdefault(f"{what}|{unit}", {}).setdefault(name, []).append(value)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """MB that are new, and seconds."""
    found: dict[str, dict[str, list[float]]] = {}
    registry = Registry(workbench.docker, workbench.base_image)
    try:
        for number in range(repeats):
            with tempfile.TemporaryDirectory(prefix="melda-bench-layers-") as folder:
                (Path(folder) / "docker").mkdir()
                once(Images(workbench, Path(folder) / "docker", registry), Path(folder), number, found)
    finally:
        registry.remove()
    return [
        result
        for what, (_, targets) in CHANGES.items()
        for result in (
            Result(f"new on a registry: {what}", "MB", found[f"{what}|MB"], targets),
            Result(f"built again: {what}", "s", found[f"{what}|s"], TIMES.get(what, [])),
        )
    ]
