"""``make mirror``: a folder with everything that one build needs, and the way back, ``make image MIRROR=FOLDER``.

The folder is what a real provisioning of the base fetched: apt's lists and packages, checked by the distribution's
signatures as they came; wheels, checked by the locks' hashes as they come and again as they are installed; sources from
CRAN. No repository is made of it that apt would have to be told to trust.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from builder import docker as client
from builder import image, overrides, screen
from builder.errors import BuildError
from builder.settings import MANIFEST, PACKAGES, Settings

ROOT = image.ROOT
FOLDER = ROOT / "build" / "mirror"
SUMS = "SHA256SUMS"
BASE = "base.tar"
# What the build's steps see of it; the rest is for the build host.
INSIDE = (MANIFEST, "apt", "wheels", "cran")
CONTAINER = r"""
set -eu
# Ubuntu's and Debian's own images delete each package as soon as it is installed.
rm -f /etc/apt/apt.conf.d/docker-clean
ls /usr/local/lib/R/site-library 2>/dev/null >/tmp/mirror/before || true
wanted=$PROVISION_DATA lists=$RECORD
# As the two images are built one on the other.
unset RECORD
PROVISION_DATA="$BASE_DATA" /tmp/deploy/builder/provision
RECORD=$lists PROVISION_DATA=$wanted /tmp/deploy/builder/provision
"""


def locks(packages: str, python: str, data: dict[str, str]) -> list[str]:
    """Return the lists of Python packages that a build installs, below this repository.

    Args:
        packages: set of curated packages.
        python: minor version of the base's Python.
        data: settings of group_data/all.py.
    """
    found = [f"files/packages/locks/{name}-{python}.txt" for name in PACKAGES[: PACKAGES.index(packages) + 1]]
    hub = str(data.get("jupyterhub", overrides.defaults()["jupyterhub"])).lower() == "true"
    return found + ([f"files/jupyterhub/locks/{python}.txt"] if hub else [])


def sums(folder: Path) -> str:
    """``sha256sum``'s lines for every file of a folder but the one with these lines."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS):
        found = hashlib.sha256()
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                found.update(piece)
        lines.append(f"{found.hexdigest()}  {path.relative_to(folder)}\n")
    return "".join(lines)


def number(folder: Path) -> str:
    """Return the one number that stands for all of a folder: the hash of its list of hashes."""
    return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()


def _record(docker: str, base_image: str, python: str, chosen: Settings, folder: Path) -> None:
    """Provision a throw-away container of the base, with apt's folders and the mirror in ``folder``."""
    more = overrides.to_build(chosen.data)
    asked = overrides.arguments(chosen.data, strict=chosen.strict)
    environment = {
        "BASE_DATA": f"packages=none {asked}",
        "PROVISION_DATA": f"packages={chosen.packages} {asked}",
        "RECORD": " ".join(locks(chosen.packages, python, chosen.data)),
        **{name: value for name in client.PROXIES if (value := more.proxies.get(name) or os.environ.get(name, ""))},
    }
    # Pairs, as one file may be two secrets. --volume takes what is no absolute path for a volume's name, and a colon for its end:
    # https://docs.docker.com/engine/storage/bind-mounts/
    mounts = [(str(ROOT), "/tmp/deploy", ",readonly"), (str(folder), "/tmp/mirror", "")]
    mounts += [(path, f"/tmp/secrets/{name}", ",readonly") for name, path in more.secrets.items() if path]
    mounts += [(str(folder / "apt/lists"), "/var/lib/apt/lists", "")]
    mounts += [(str(folder / "apt/archives"), "/var/cache/apt/archives", "")]
    command = [docker, "run", "--rm", "--tmpfs", "/tmp:exec"]
    for name in environment:
        command += ["--env", name]  # its value is in no command line
    for path, target, how in mounts:
        # The client reads the words as CSV.
        source = f"source={os.path.realpath(path)}".replace('"', '""')
        command += ["--mount", f'type=bind,"{source}",target={target}{how}']
    command += ["--entrypoint", "sh", base_image, "-c", CONTAINER]
    screen.require("fetching", "no mirror was made", command, {**os.environ, **environment})


def _own(folder: Path) -> None:
    """Return what builds the image on the other host: the builder's own packages, for the build host's Python."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--dest", str(folder / "wheels"), "-r", str(ROOT / "requirements" / "build.txt")]
    screen.require("fetching requirements/build.txt", "no mirror was made", command)


def make(docker: str, base: str, base_image: str, python: str, chosen: Settings, folder: Path = FOLDER) -> Path:
    """Make the folder again; the former one stays until this one is complete.

    Args:
        base: what the base is called.
        base_image: its image; the engine must be on the build host.
        python: minor version of its Python.
        chosen: what shall be built of it.

    Raises:
        BuildError: something could not be fetched.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as unfinished:
        new = Path(unfinished) / folder.name
        for part in ("apt/lists", "apt/archives", "wheels", "cran"):
            (new / part).mkdir(parents=True)
        with screen.step("provision a container, and keep what it fetches"):
            _record(docker, base_image, python, chosen, new)
            _own(new)
        # A name of its own: on the other host it must not take another base's.
        name = "melda-jupyter-mirrored:" + client.inspect(docker, "image", base_image)["Id"].partition(":")[2][:12]
        client.call(docker, "tag", base_image, name)
        try:
            client.call(docker, "save", "--output", str(new / BASE), name)
        finally:
            client.call(docker, "rmi", name)
        settings = {name: value for name, value in chosen.data.items() if name not in overrides.FILES}
        manifest = {"base": base, "base_image": name, "packages": chosen.packages, "data": settings}
        manifest |= {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "revision": image.revision()}
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        (new / SUMS).write_text(sums(new))
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        if {"base", "base_image", "data"} <= found.keys() and found["packages"] in PACKAGES:
            return found
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    raise BuildError(f"invalid MIRROR={folder}: expected a folder of `make mirror`; its {MANIFEST} is damaged")


def check(folder: Path, chosen: Settings) -> dict[str, Any]:
    """Return what a folder was made for, once it is shown to be complete and unharmed.

    Args:
        folder: what :func:`make` returned, maybe on another host.
        chosen: what shall be built of it.

    Returns:
        Its manifest.

    Raises:
        BuildError: a file is missing, is another, or is one too many; or it was made for something else.
    """
    manifest = _manifest(folder)
    output = (folder / SUMS).read_text() if (folder / SUMS).is_file() else ""
    differing = sorted(set(output.splitlines()) ^ set(sums(folder).splitlines()))
    if differing:
        name = differing[0].partition("  ")[2]
        raise BuildError(
            f"invalid MIRROR={folder}: expected it as it was made; {name} is missing, was changed or was added"
        )
    if PACKAGES.index(chosen.packages) > PACKAGES.index(manifest["packages"]):
        raise BuildError(
            f"invalid PACKAGES={chosen.packages}: expected {manifest['packages']} or less, which MIRROR={folder} has"
        )
    if chosen.base not in ("auto", manifest["base"]):
        raise BuildError(f"invalid BASE={chosen.base}: expected {manifest['base']}, which MIRROR={folder} was made for")
    for name, value in chosen.data.items():
        if name not in overrides.FILES and manifest["data"].get(name) != value:
            raise BuildError(f"invalid DATA={name}=...: expected the value that MIRROR={folder} was made with")
    return manifest


def build(docker: str, chosen: Settings) -> None:
    """Build both images from a folder, without a network.

    Args:
        chosen: what to build; its ``mirror`` is the folder.

    Raises:
        BuildError: the folder is invalid, or the build failed.
    """
    folder = Path(chosen.mirror).resolve()
    manifest = check(folder, chosen)
    screen.say(f"building {chosen.image} from {folder}, without a network\nmirror   {number(folder)}")
    base_image = manifest["base_image"]
    client.call(docker, "load", "--input", str(folder / BASE))
    with image.temporary(docker, "mirror") as (mirrored,), tempfile.TemporaryDirectory() as place:
        dockerfile = Path(place) / "Dockerfile.mirror"
        dockerfile.write_text("FROM scratch\n" + "".join(f"COPY {part} /{part}\n" for part in INSIDE))
        with screen.step(f"load {folder}"):
            client.build(docker, str(dockerfile), mirrored, {}, str(folder), client.BuildInputs(offline=True))
        try:
            of_both = replace(chosen, data={**manifest["data"], **chosen.data})
            image.build(docker, manifest["base"], base_image, of_both, mirrored)
        finally:
            subprocess.run([docker, "rmi", base_image], capture_output=True, check=False)
