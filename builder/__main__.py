"""``python -m builder COMMAND``: what the Makefile calls."""

from __future__ import annotations

import argparse
import sys
import time

from builder import base as bases
from builder import connector, container, engine, image, preflight
from builder.errors import Refused


def prepare(arguments: argparse.Namespace) -> tuple[str, str, str]:
    """Engine, base and sources, checked in this order and shown in a table.

    Returns:
        The docker client, what the base is called, its image.

    Raises:
        Refused: something is missing.
    """
    image.check(arguments.image, arguments.packages, arguments.base)
    docker = engine.ready()
    engine.check_space(docker, arguments.packages)
    base, why = bases.choose(docker, arguments.base)
    if why and arguments.strict:
        raise Refused(f"STRICT=1 and {why}")
    if why:
        print(f"NOTE: building on {base}, because {why}", flush=True)
    base_image = bases.ensure(docker, base)
    rows = preflight.check(preflight.sources(docker, base_image))
    print(preflight.table(base, rows), flush=True)
    preflight.insist(rows, arguments.strict)
    return docker, base, base_image


def make(arguments: argparse.Namespace) -> str:
    """Build, say how long it took and what came of it, and return the docker client."""
    began = time.monotonic()
    docker, base, base_image = prepare(arguments)
    build = connector.build if arguments.command == "connector" else image.build
    build(docker, base, base_image, arguments.image, arguments.packages, arguments.strict)
    print(f"\nbuilt in {time.monotonic() - began:.0f} s\n{image.summary(docker, arguments.image)}", flush=True)
    return docker


def up(arguments: argparse.Namespace) -> None:
    """Build the image and run a container of it. The port is checked before the build, which is long."""
    image.check(arguments.image, arguments.packages, arguments.base)
    docker = engine.ready()
    if not container.publishes(docker, arguments.port):
        container.check_port(arguments.port)
    make(arguments)
    print(f"open     {container.up(docker, arguments.image, arguments.port)}")


def parser() -> argparse.ArgumentParser:
    """The commands, and the variables of the Makefile as their options."""
    parsed = argparse.ArgumentParser(prog="python -m builder", description="Builds and runs Melda Jupyter's images.")
    commands = parsed.add_subparsers(dest="command", required=True)
    helps = {
        "up": "build both images, start a container, wait until it is healthy, print the URL",
        "image": "build both images",
        "connector": "build the image through pyinfra's docker connector",
        "preflight": "say which sources answer",
        "base": "have the base image",
    }
    for name, words in helps.items():
        command = commands.add_parser(name, help=words)
        command.add_argument("--base", default="auto")
        command.add_argument("--image", default="melda-jupyter:latest")
        command.add_argument("--packages", default="datascience")
        command.add_argument("--strict", action="store_true")
        command.add_argument("--port", default="8888")
    commands.add_parser("down", help="stop and remove the container")
    return parsed


def run(arguments: argparse.Namespace) -> None:
    """Run the command that was asked for."""
    if arguments.command == "down":
        print(container.down(engine.ready()))
    elif arguments.command == "up":
        up(arguments)
    elif arguments.command == "preflight":
        prepare(arguments)
    elif arguments.command == "base":
        docker = engine.ready()
        print(bases.ensure(docker, bases.choose(docker, arguments.base)[0]))
    else:
        make(arguments)


def main() -> int:
    """Run one command; what a person can mend is one line and exit code 2."""
    try:
        run(parser().parse_args())
    except Refused as refused:
        print(f"melda-jupyter: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("melda-jupyter: interrupted; no image was named", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
