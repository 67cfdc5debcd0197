"""``python -m builder COMMAND``: what the Makefile calls."""

from __future__ import annotations

import argparse
import datetime
import getpass
import os
import signal
import sys
import time
from urllib.parse import urlsplit

from melda.base.errors import ConfigError
from melda.config import environ

from builder import base as bases
from builder import (
    build_folder,
    compare,
    compare_projects,
    connector,
    container,
    engine,
    image,
    layers,
    manifest,
    mirror,
    preflight,
    publish,
    sbom,
    scan,
    screen,
    settings,
)
from builder import docker as client
from builder.errors import BuildError, Parser, exit_code
from builder.settings import Settings
from tasks.releases import RELEASES


def resolve_sources(docker: str, chosen: Settings) -> tuple[str, str, str]:
    """Check base and sources, in this order, and show them in a table.

    Returns:
        What the base is called, its image, the codename of its release.

    Raises:
        BuildError: something is missing.
    """
    with screen.step(f"have the base: {chosen.base}"):
        base, why = bases.select(docker, chosen.base)
        if why and chosen.strict:
            raise BuildError(f"STRICT=1 and {why}")
        if why:
            screen.say(f"NOTE: building on {base}, because {why}")
        base_image = bases.ensure(docker, base)
    with screen.step("ask the sources"):
        release = preflight.codename(docker, base, base_image)
        rows = preflight.check(preflight.sources(docker, release, base_image, chosen.data), chosen.data)
    supported = preflight.support(RELEASES[release], datetime.date.today())
    screen.say(preflight.table(base, rows, supported))
    preflight.require(rows, chosen.strict)
    return base, base_image, release


def build_image(command: str, chosen: Settings) -> str:
    """Build, say how long it took and what came of it, and return the docker client."""
    began = time.monotonic()
    with screen.step("find the Docker engine"):
        docker = engine.ready()
    if chosen.mirror and command == "connector":
        raise BuildError(f"invalid MIRROR={chosen.mirror}: expected empty for `make connector`")
    image.tell_revision()
    if chosen.mirror:
        engine.check_space(docker, chosen.packages)
        mirror.build(docker, chosen)
    else:
        base, base_image, _ = resolve_sources(docker, chosen)
        # After the settings: who corrects one should not have to free a disk first to hear of it.
        engine.check_space(docker, chosen.packages)
        build = connector.build if command == "connector" else image.build
        build(docker, base, base_image, chosen)
    screen.say(f"\nbuilt in {time.monotonic() - began:.0f} s\n{image.summary(docker, chosen.image)}")
    return docker


def export_bundle(chosen: Settings) -> None:
    """Make the folder from which the image can be built without a network."""
    if chosen.mirror:
        raise BuildError(f"invalid MIRROR={chosen.mirror}: expected empty, `make mirror` writes {mirror.FOLDER}")
    docker = engine.ready()
    image.tell_revision()
    base, base_image, release = resolve_sources(docker, chosen)
    folder = mirror.make(docker, base, base_image, RELEASES[release].python, chosen)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"\nmirror   {folder}\nsize     {size / 1e9:.2f} GB\nnumber   {mirror.number(folder)}", flush=True)


def publish_image(chosen: Settings, repository: str) -> None:
    """Push the image that is there: what was tried is what is published."""
    described, names = publish.publish(engine.ready(), chosen.image, repository, chosen.strict)
    for line in described["omitted"]:
        print(f"omitted  {line}")
    print("\n".join([*(f"pushed   {name}" for name in names), f"digest   {described['digest']}"]), flush=True)


def compare_images(old: str, new: str, captures: str) -> None:
    """Say what changed between two images or manifests, and what becomes of what users installed."""
    files = old.endswith(".json") and new.endswith(".json")
    docker = "" if files else engine.ready()
    mine, theirs = compare.load(docker, old, "OLD"), compare.load(docker, new, "NEW")
    found = compare.compare(mine, theirs)
    if captures:
        apt = None if new.endswith(".json") else compare_projects.in_apt(docker, new)
        found["projects"] = compare_projects.describe(captures, theirs, apt)
    for path in compare.write(found):
        print(f"compare  {path}", flush=True)


def check_variables() -> None:
    """Refuse what the container would refuse, before the build, which is long, and before one that runs is replaced.

    Raises:
        BuildError: the first variable that is invalid. What a file of secrets holds, the container alone reads.
    """
    variables = container.environment()
    container.files(variables)
    try:
        environ.requested(variables)
    except ConfigError as refused:
        raise BuildError(str(refused)) from None


def _tunnel(docker: str, port: str) -> list[str]:
    """Return how to open it from another computer: the engine is elsewhere, or somebody has logged in to the build host."""
    engine = client.call(docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    found = os.environ.get("SSH_CONNECTION", "").split()
    host = f"{getpass.getuser()}@{found[2]}" if len(found) == 4 else ""
    at = urlsplit(engine)
    if at.scheme in ("ssh", "tcp") and at.hostname not in ("localhost", "127.0.0.1", "::1"):
        host = engine if at.scheme == "ssh" else str(at.hostname)
    return [f"tunnel   ssh -L {port}:127.0.0.1:{port} {host}   (on your computer)"] if host else []


def up(chosen: Settings) -> None:
    """Build the image and run a container of it. Variables and port are checked first."""
    check_variables()
    found = engine.find()
    if found and client.exists(found, "container", container.NAME):
        container.keep_projects(found, container.NAME)
    if not (found and container.publishes(found, chosen.port)):
        container.check_port(chosen.port)
    docker = build_image("up", chosen)
    with screen.step("start the container, and wait until it is healthy"):
        url = container.up(docker, chosen.image, chosen.port)
    screen.say("\n".join([*_tunnel(docker, chosen.port), f"open     {url}"]))


def parser() -> argparse.ArgumentParser:
    """Return the commands, and the variables of the Makefile as their options."""
    parsed = Parser(prog="python -m builder", description="Builds and runs Melda Jupyter's images.")
    commands = parsed.add_subparsers(dest="command", required=True)
    helps = {
        "up": "build both images, start a container, wait until it is healthy, print the URL",
        "image": "build both images, and write what is in the result",
        "connector": "build the image through pyinfra's docker connector",
        "preflight": "say which sources answer",
        "base": "have the base image",
        "mirror": "fetch everything that a build needs into a folder",
        "scan": "list the known holes of the image's packages and of the locks; exit code 1 if there are any",
        "publish": "push the image under tags that say what is inside",
    }
    for name, words in helps.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("--base", default=Settings.base)
        command.add_argument("--image", default=Settings.image)
        command.add_argument("--packages", default=Settings.packages)
        command.add_argument("--strict", nargs="?", const="1", default="")
        command.add_argument("--port", default=Settings.port)
        command.add_argument("--data", default="")
        command.add_argument("--mirror", default="")
        command.add_argument("--platform", default="")
        if name == "publish":
            command.add_argument("--repository", default="")
    command = commands.add_parser("compare", help="say what changed between two images or manifests")
    command.add_argument("--old", default="")
    command.add_argument("--new", default="")
    command.add_argument("--captures", default="")
    commands.add_parser("down", help="stop and remove the container")
    return parsed


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was asked for; 1 if it found what should not be there."""
    settings.check_names(os.environ.get("GIVEN", ""), container.PASSED)
    if arguments.command == "down":
        print(container.down(engine.find()))
        return 0
    if arguments.command == "compare":
        compare_images(arguments.old, arguments.new, arguments.captures)
        return 0
    chosen = settings.check(arguments)
    if chosen.platform:
        # The client's own variable, for all of its commands: https://docs.docker.com/reference/cli/docker/#environment-variables
        os.environ[bases.PLATFORM] = chosen.platform
    if arguments.command == "scan":
        text, clean = scan.report(chosen.image)
        print(text, flush=True)
        return 0 if clean else 1
    if arguments.command in ("up", "image", "connector", "mirror"):
        log = build_folder.FOLDER / "log" / f"{arguments.command}.log"
        with screen.shown(log, settings.verbose(os.environ.get("VERBOSE", ""))):
            build(arguments.command, chosen)
    elif arguments.command == "publish":
        publish_image(chosen, settings.repository(arguments.repository))
    elif arguments.command == "preflight":
        resolve_sources(engine.ready(), chosen)
    elif arguments.command == "base":
        docker = engine.ready()
        print(bases.ensure(docker, bases.select(docker, chosen.base)[0]))
    return 0


def build(command: str, chosen: Settings) -> None:
    """Run one of the commands that a person waits for."""
    if command == "up":
        up(chosen)
    elif command == "mirror":
        export_bundle(chosen)
    else:
        docker = build_image(command, chosen)
        if command == "image":
            with screen.step("compare the layers with each other"):
                screen.say(layers.table(layers.of(docker, chosen.image)))
            with screen.step("write the bill of materials and the manifest"):
                lines = [f"sbom     {sbom.write(docker, chosen.image)}"]
                described = manifest.written(docker, chosen.image) or manifest.describe(docker, chosen.image)
                lines += [f"manifest {path}" for path in manifest.write(described)]
            screen.say("\n".join([*lines, *(f"tag      {tag}" for tag in described["tags"])]))


def _interrupt(*_: object) -> None:
    # What is taken back now must not be interrupted by a second Ctrl-C.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run one command; what a person can mend is one line and exit code 2."""
    # As Ctrl-C: what was begun is taken back.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        return exit_code(lambda: run(parser().parse_args()))
    except KeyboardInterrupt:
        print("melda-jupyter: interrupted; nothing unfinished has a name", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
