"""Building the base image from nothing, and its size, against plain Dockerfiles with the same steps in shell."""

from __future__ import annotations

import re
import time
import uuid

from bench.alternate import samples
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder import docker as client

NAME = "cold-build"
REPEATS = 2
PLAIN = "plain Dockerfile"
LEAN = "plain Dockerfile without Recommends"
FLOOR = "floor: apt-get and uv alone"
NOTE = (
    "Cold build: `docker build --no-cache` of Dockerfile.base and of bench/plain/Dockerfile on the same local base, in turn, all "
    "cache mounts empty (a fresh id each time), downloads from the same mirrors included. The plain one is measured "
    "as the specification reads and again with `--no-install-recommends`. Cache mounts keep downloads out of all three images. "
    "After each build the image must pass the same check of what it can do, but for the floor: bench/plain/floor.Dockerfile "
    "installs exactly the packages that ours has gained over its base, and Jupyter's lock."
)

# What all of them must have: both kernels, the version service's packages, s3fs, sshd, bspm's needs, the user, the programs.
CHECK = """
set -e
kernels=$(jupyter kernelspec list)
for kernel in ir python3; do echo "$kernels" | grep -q "^  *$kernel " || { echo "no kernel $kernel"; exit 1; }; done
pip list 2>/dev/null | grep -q '^jupyter  *1\\.0\\.0$'
python -c 'import flask, tornado, notebook'
Rscript -e 'stopifnot(requireNamespace("IRkernel"), requireNamespace("jsonlite"))' 2>/dev/null
command -v s3fs busctl dbus-daemon ss ps start-jupyter get-versions set-paths >/dev/null
[ -x /usr/sbin/sshd ] && [ -f /etc/jupyter/jupyter_server_config.py ]
/usr/bin/python3 -c 'import apt, dbus, gi'
[ "$(id -u melda):$(stat -c %U "$JUPYTER_WORKDIR")" = 1001:melda ]
"""
CHECKS = {"floor": "/opt/jupyter/bin/jupyter --version && command -v s3fs Rscript"}


def cold(dockerfile: str, token: str) -> str:
    """Return a Dockerfile whose cache mounts are empty and whose records in the build cache can be told from others'.

    Args:
        dockerfile: its text.
        token: a name nobody used before. It becomes part of each mount's id and of each command, and so of the
            descriptions that the build cache keeps.
    """
    mounts = re.sub(r"(--mount=type=cache,target=([^\s,]+))(,id=[^\s,]+)?", rf"\1,id={token}\2", dockerfile)
    shell = f'SHELL ["/usr/bin/env", "MELDA_BENCH={token}", "/bin/sh", "-c"]'
    return re.sub(r"^(FROM .*)$", lambda found: f"{found[1]}\n{shell}", mounts, flags=re.MULTILINE)


def timed(workbench: Workbench, tag: str, dockerfile: str, arguments: dict[str, str], token: str = "") -> float:
    """Build without layers of earlier builds; the seconds it took.

    Args:
        tag: of the result.
        dockerfile: path in the tree.
        arguments: build arguments.
        token: names the cache mounts, and begins with the workbench's: a second build with the same one finds what the
            first left there. Unless given they are empty.

    Raises:
        BuildError: it failed.
    """
    token = token or f"{workbench.token}-{uuid.uuid4().hex[:8]}"
    file = workbench.tree / f"Dockerfile.{token}"
    file.write_text(cold((workbench.tree / dockerfile).read_text(), token))
    try:
        began = time.monotonic()
        workbench.build(file.name, tag, arguments, "--no-cache")
        return time.monotonic() - began
    finally:
        file.unlink()


def gained(workbench: Workbench) -> dict[str, str]:
    """Return the floor's build arguments: the packages that ours has over its base, and the lock of its Python.

    Raises:
        BuildError: ours could not be built.
    """
    tag = f"{workbench.token}-gained"

    def ask(image: str, command: str) -> str:
        run = [workbench.docker, "run", "--rm", image, "sh", "-c", command]
        return workbench.run("asking what an image has", run).strip()

    try:
        timed(workbench, tag, "Dockerfile.base", {"BASE": workbench.base_image})
        packages = "dpkg-query --show --showformat '${Package}\\n'"
        new = set(ask(tag, packages).split()) - set(ask(workbench.base_image, packages).split())
        version = ask(tag, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'")
        return {"PACKAGES": " ".join(sorted(new)), "LOCK": f"files/packages/locks/none-{version}.txt"}
    finally:
        workbench.remove_images()


def build(workbench: Workbench, name: str, dockerfile: str, options: dict[str, str]) -> tuple[float, int]:
    """Build cold, check the image and remove it.

    Args:
        name: a word for the image's name.
        dockerfile: path in the tree.
        options: build arguments that only this one has.

    Returns:
        Seconds the build took, bytes of the image.

    Raises:
        BuildError: it failed, or the image lacks something.
    """
    tag = f"{workbench.token}-{name}"
    try:
        took = timed(workbench, tag, dockerfile, {"BASE": workbench.base_image, **options})
        check = [workbench.docker, "run", "--rm", tag, "sh", "-c", CHECKS.get(name, CHECK)]
        workbench.run(f"checking what the image of {name} can do", check)
        return took, int(client.inspect(workbench.docker, "image", tag)["Size"])
    finally:
        workbench.remove_images()


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of the cold build and size of the image."""
    alternatives = {
        OURS: ("ours", "Dockerfile.base", {}),
        PLAIN: ("plain", "bench/plain/Dockerfile", {}),
        LEAN: ("lean", "bench/plain/Dockerfile", {"APT_OPTIONS": "--no-install-recommends"}),
        FLOOR: ("floor", "bench/plain/floor.Dockerfile", gained(workbench)),
    }
    sizes: dict[str, list[float]] = {name: [] for name in alternatives}

    def once(name: str) -> float:
        took, size = build(workbench, *alternatives[name])
        sizes[name].append(size / 1e6)
        return took

    times = samples(list(alternatives), once, repeats, "s")
    return [
        Result("cold build of the base", "s", times, [Target(0.8, PLAIN)]),
        Result("size of the base", "MB", sizes, [Target(1.0, PLAIN), Target(1.0, LEAN)]),
    ]
