"""The image by way of pyinfra's docker connector, tagged, with ENV, WORKDIR, EXPOSE and CMD.

``pyinfra @docker/IMAGE deploy.py`` commits an image also when the run failed, without a tag and without these. Here the
container is ours, and it is committed only after exit code 0.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from builder import docker as client
from builder import host, overrides, screen
from builder import image as images
from builder.settings import Settings

ROOT = images.ROOT
# Instructions that `docker commit --change` takes over; what a RUN does, pyinfra does.
_KEPT = ("ENV", "WORKDIR", "EXPOSE", "HEALTHCHECK", "CMD")


def instructions(dockerfile: str, arguments: dict[str, str]) -> list[str]:
    """Return the lines of a Dockerfile that describe the image and not how it is made, each joined into one.

    Args:
        dockerfile: its text.
        arguments: its build arguments; others have their defaults.
    """
    text = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    lines = [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines()]
    values = dict(line[4:].partition("=")[::2] for line in lines if line.startswith("ARG ")) | arguments
    kept = [line for line in lines if line.split(" ", 1)[0] in _KEPT]
    return [re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), line) for line in kept]


def build(docker: str, base: str, base_image: str, chosen: Settings) -> None:
    """Provision a container of ``base_image`` from outside and commit it.

    Args:
        base: what the base is called in the label.
        base_image: its image.
        chosen: what to build.

    Raises:
        BuildError: pyinfra failed; there is no image.
    """
    # The base may have an entry point, and what a container has stays in what is committed of it.
    container = client.call(docker, "run", "--detach", "--entrypoint", "", base_image, "tail", "-f", "/dev/null")
    try:
        settings = {
            "packages": chosen.packages,
            "strict": str(chosen.strict).lower(),
            "dpkg_unsafe_io": "true",
            "ca_bundle": host.ca_bundle(),
            **chosen.data,
        }
        options = [part for name, value in settings.items() for part in ("--data", f"{name}={value}")]
        program = [str(Path(sys.executable).parent / "pyinfra"), "-y", f"@docker/{container}", "deploy.py", *options]
        # pyinfra takes the first docker on PATH, and it must be the one that was found to work.
        environment = {**os.environ, "PATH": f"{Path(docker).parent}:{os.environ['PATH']}"}
        with screen.step(f"provision a container of {base}: packages {chosen.packages}"):
            screen.require("provisioning", "no image was made", program, environment, ROOT)
        named = overrides.image_arguments(chosen.data)
        dockerfiles = [(ROOT / name).read_text() for name in ("Dockerfile.base", "Dockerfile")]
        changes = [part for text in dockerfiles for line in instructions(text, named) for part in ("--change", line)]
        with images.temporary(docker, "connector") as (raw,):
            client.call(docker, "commit", *changes, container, raw)
            images.label(docker, raw, chosen.image, base)
    finally:
        subprocess.run([docker, "rm", "--force", "--volumes", container], capture_output=True, check=False)
