"""Calls of the docker client, whose path is called ``docker`` in all of the builder."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from builder import screen
from builder.errors import BuildError

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def _environment(more: dict[str, str]) -> dict[str, str]:
    # Another builder than the engine's own sees none of its images, and leaves what it built to itself:
    # https://docs.docker.com/build/builders/drivers/docker-container/#loading-to-local-image-store
    return {name: value for name, value in os.environ.items() if name != "BUILDX_BUILDER"} | more


def reason(stderr: str) -> str:
    """Return the line of a client's complaint that says why: the last one but for hints ("See 'docker run --help'.")."""
    lines = [line.strip() for line in stderr.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("See '", "Run '", "WARNING"))]
    return (telling or ["no reason given"])[-1].removeprefix("docker: ").removeprefix("Error response from daemon: ")


def call(docker: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Return the standard output of a docker command.

    Args:
        environment: variables on top of this process's own.

    Raises:
        BuildError: it failed; the client's own line says why.
    """
    done = subprocess.run(
        [docker, *arguments], capture_output=True, text=True, env=_environment(environment or {}), check=False
    )
    if done.returncode:
        raise BuildError(f"docker {arguments[0]} failed: {reason(done.stderr)}")
    return done.stdout.strip()


def exists(docker: str, kind: str, name: str) -> bool:
    """Is there an ``image``, ``container`` or ``volume`` of that name here?"""
    done = subprocess.run([docker, kind, "inspect", name], capture_output=True, check=False)
    return done.returncode == 0


def inspect(docker: str, kind: str, name: str) -> dict[str, Any]:
    """Return what ``docker KIND inspect`` says."""
    found: list[dict[str, Any]] = json.loads(call(docker, kind, "inspect", name))
    return found[0]


@contextmanager
def created(docker: str, image: str) -> Iterator[str]:
    """Give a container of an image, to read its files: it never runs, which would take five times as long.

    Raises:
        BuildError: there is no such image.
    """
    # Of an image without one docker wants a command.
    container = call(docker, "create", image, "nothing")
    try:
        yield container
    finally:
        call(docker, "rm", container)


@dataclass(frozen=True)
class BuildInputs:
    """What a build is given beside its arguments.

    Attributes:
        secrets: name -> path of a file that no layer holds.
        proxies: variables for the build's steps; in no layer, no history and no command line.
        offline: the steps have no network.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    proxies: dict[str, str] = field(default_factory=dict)
    offline: bool = False


def build_command(
    docker: str, file: str, tag: str, arguments: dict[str, str], secrets: dict[str, str], environment: dict[str, str]
) -> list[str]:
    """Return the command of a build, without its context.

    Args:
        docker, file, tag, arguments: as for :func:`build`.
        secrets: name -> file; one with an empty path is left out.
        environment: of that command. Of a proxy in it only the name is in the command.
    """
    command = [docker, "build", "--progress=plain", "--file", file, "--tag", tag]
    for name in PROXIES:
        if environment.get(name):
            command += ["--build-arg", name]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for name, path in secrets.items():
        if path:
            command += ["--secret", f"id={name},src={path}"]
    return command


def build(
    docker: str,
    file: str,
    tag: str,
    arguments: dict[str, str],
    context: str,
    given: BuildInputs,
    target: str = "",
) -> None:
    """Build an image with BuildKit, its output on the screen.

    Args:
        target: stage to build; empty: the last.

    Raises:
        BuildError: the build failed; the log above says where.
    """
    environment = _environment({**given.proxies, "DOCKER_BUILDKIT": "1"})
    command = build_command(docker, file, tag, arguments, given.secrets, environment)
    if target:
        command += ["--target", target]
    if given.offline:
        command += ["--network", "none"]
    what = f"building {file.rsplit('/', 1)[-1]}"
    screen.require(what, "no image was named", [*command, context], environment)
