"""The Docker engine: found, or installed and started on Debian and Ubuntu as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from builder import docker as docker_client
from builder import host, screen
from builder.errors import BuildError

LOG = "/var/log/melda-jupyter-dockerd.log"
# Where a distribution's own client is, should another come first on PATH.
FOLDERS = ("/usr/bin",)
PACKAGE = "docker.io"
# Parts of it that newer releases pack apart: Debian 13 the client, Debian 13 and Ubuntu 24.04 BuildKit's front end.
PARTS = ("docker-cli", "docker-buildx")
# Name an engine, before the context in use does.
ENGINES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY")
DEFAULT = "default"
# Seconds until an engine that was just started must answer (measured: 3).
START = 60
# There where systemd runs (sd_booted(3)).
SYSTEMD = Path("/run/systemd/system")
# Bytes a build needs at most: base, both images and their layers while they are written.
SPACE = {"none": 4 * 10**9, "core": 5 * 10**9, "datascience": 12 * 10**9}


def _clients() -> list[str]:
    folders = os.environ.get("PATH", "").split(":") + list(FOLDERS)
    found = (shutil.which("docker", path=folder) for folder in dict.fromkeys(folders) if folder)
    return list(dict.fromkeys(path for path in found if path))


def _is_podman(client: str) -> bool:
    """Is it podman under Docker's name (Debian's package podman-docker)? It would pass for an old Docker by its number."""
    return "podman" in _itself(client, "--version").stdout.lower()


def _can_build(client: str) -> bool:
    """Return whether this client reaches BuildKit. From 23.0 on it needs the buildx plugin for it, which may be missing."""
    version = _itself(client, "--version").stdout
    if "podman" in version.lower():
        return False
    major = version.partition("version ")[2].split(".")[0]
    return (major.isdigit() and int(major) < 23) or _itself(client, "buildx", "version").returncode == 0


def _run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, check=False)


def _itself(*command: str) -> subprocess.CompletedProcess[str]:
    """Ask a client about itself: it ends before it says its own version where a variable or a context is wrong."""
    return _run(*command, **{**dict.fromkeys(ENGINES, ""), "DOCKER_CONTEXT": DEFAULT})


def _answers(client: str) -> str:
    """Empty if the engine answers, else what it says."""
    done = _run(client, "version", "--format", "{{.Server.Version}}")
    return "" if done.returncode == 0 else docker_client.reason(done.stderr)


def _start() -> subprocess.Popen[bytes]:
    """Start dockerd: by systemd where it runs, else in the background of the build host, where it outlives this program."""
    if SYSTEMD.is_dir():
        return subprocess.Popen(["systemctl", "start", "docker"])
    screen.say(f"starting dockerd, its log is {LOG}")
    with open(LOG, "wb") as log:
        return subprocess.Popen(["dockerd"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def _wait(client: str, started: subprocess.Popen[bytes]) -> None:
    see = "'journalctl -u docker'" if SYSTEMD.is_dir() else LOG
    deadline = time.monotonic() + START
    while problem := _answers(client):
        if started.poll():
            output = "" if SYSTEMD.is_dir() else (Path(LOG).read_text().strip().splitlines() or [""])[-1]
            raise BuildError(f"the Docker engine did not start ({output or problem}): see {see}")
        if time.monotonic() > deadline:
            raise BuildError(f"the Docker engine did not start within {START} s ({problem}): see {see}")
        time.sleep(0.2)


def find() -> str:
    """Return the path of a docker client that can build, or empty."""
    return next((path for path in _clients() if _can_build(path)), "")


def ready() -> str:
    """Return the path of a docker client that can build, with an engine that answers.

    Raises:
        BuildError: there is none and it cannot be installed or started, or this user may not use it.
    """
    client = find()
    podman = "" if client else next(filter(_is_podman, _clients()), "")
    if podman:
        raise BuildError(
            f"{podman} is podman, which is not supported: remove podman-docker and install the Docker engine ({PACKAGE})"
        )
    if not client:
        beside = " (podman, which is here, is not supported)" if shutil.which("podman") else ""
        host.install("a Docker engine whose client has BuildKit" + beside, [PACKAGE], PARTS)
        client = find()
    if not client:
        raise BuildError(f"{PACKAGE} is installed, and its client cannot build: install Docker's buildx plugin")
    problem = _answers(client)
    if not problem:
        return client
    if "permission denied" in problem.lower():
        raise BuildError(f"no rights to the Docker engine: run as root or join the group docker ({problem})")
    named = [name for name in ENGINES if os.environ.get(name, DEFAULT) not in ("", DEFAULT)]
    if named:
        raise BuildError(f"{named[0]}={os.environ[named[0]]!r} does not answer: {problem}")
    if _run(client, "context", "inspect", "--format", "{{.Name}}").stdout.strip() != DEFAULT:
        raise BuildError(
            f"the Docker context in use does not answer ('docker context use default' leaves it): {problem}"
        )
    if os.geteuid():
        raise BuildError(f"the Docker engine does not run: start it as root ({problem})")
    if not shutil.which("dockerd"):
        host.install("the Docker engine", [PACKAGE], PARTS)
    _wait(client, _start())
    return client


def check_space(docker: str, packages: str) -> None:
    """Refuse a build for which the engine's disk has no room.

    Args:
        packages: set of curated packages.

    Raises:
        BuildError: less than ``SPACE`` is free.
    """
    root = _run(docker, "info", "--format", "{{.DockerRootDir}}").stdout.strip()
    if not Path(root).is_dir():
        # An engine elsewhere: its disk cannot be seen from here.
        return
    free = shutil.disk_usage(root).free
    if free < SPACE[packages]:
        raise BuildError(
            f"no space: PACKAGES={packages} needs {SPACE[packages] / 1e9:.0f} GB in {root}, {free / 1e9:.1f} GB are free"
        )
