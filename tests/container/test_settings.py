"""Settings on a real container: an image with each one changed works, and a container in use keeps its user."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from builder import image as images
from builder.settings import Settings, base_name

from .fixtures import Machines
from .machines import Machine, provision
from .services import running

NAME = "melda-test-changed:latest"
CHANGED = {
    "username": "jo", "uid": "1234", "uhome": "/srv/jo", "jupyter_workdir": "/srv/jo/work", "src": "/opt/melda/src",
    "python_env": "/opt/py", "locale": "fr_FR.UTF-8",
}  # fmt: skip


def changes(machine: Machine) -> set[str]:
    """What is in the container's file system and not in its image, but for apt's caches."""
    done = subprocess.run([machine.docker, "diff", machine.name], capture_output=True, text=True, check=True)
    return {line for line in done.stdout.splitlines() if not line[2:].startswith(("/var/cache", "/var/log"))}


def test_a_container_keeps_its_user_and_its_places(docker: str, image: str, machines: Machines) -> None:
    """What the image was made with, and what the container must say itself; operations/test_identity.py has all settings."""
    machine = machines(image, command=("tail", "-f", "/dev/null"))
    before = changes(machine)
    for settings, words in (
        ({"username": "jo", "uid": 1234}, "invalid username='jo': expected 'melda', which this image was made with"),
        ({"locale": "xx_XX.UTF-8"}, "invalid locale='xx_XX.UTF-8': expected a locale that the C library knows"),
    ):
        done = provision(docker, f"@docker/{machine.name}", packages="core", **settings)
        assert done.code == 1 and words in done.output, done.output
        assert changes(machine) == before


@pytest.mark.full
def test_an_image_with_each_setting_changed_works(
    docker: str, bases: dict[str, str], key: Path, public_key: str
) -> None:
    try:
        images.build(docker, "debian:bookworm", bases["bookworm"], Settings(image=NAME, packages="none", data=CHANGED))
        with running(docker, NAME, SSH_AUTHORIZED_KEYS=public_key) as service:
            assert service.inspect("{{.Config.WorkingDir}}") == "/srv/jo/work"
            service.run("healthcheck")
            asked = (
                "import os, sys; print(os.environ['USER'], os.getuid(), os.getcwd(), os.environ['HOME'], sys.prefix)"
            )
            assert service.notebook.run("python3", asked).stdout == "jo 1234 /srv/jo/work /srv/jo /opt/py\n"
            ran = service.notebook.run("ir", "cat(getwd(), Sys.getlocale('LC_CTYPE'), Sys.getenv('HOME'))")
            assert ran.stdout == "/srv/jo/work fr_FR.UTF-8 /srv/jo"
            for shell in ("sh -c", "bash -lc"):
                found = service.run(f"{shell} 'echo $username $UHOME $LANG; command -v jupyter get-versions'")
                assert found.split() == [
                    "jo",
                    "/srv/jo",
                    "fr_FR.UTF-8",
                    "/opt/py/bin/jupyter",
                    "/opt/melda/src/get-versions",
                ]
            login = ["ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", str(key)]
            command = [*login, f"root@{service.address}", "echo $JUPYTER_WORKDIR; command -v jupyter"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert done.stdout.split() == ["/srv/jo/work", "/opt/py/bin/jupyter"]
            again = provision(docker, f"@docker/{service.name}", packages="none", **CHANGED)
            assert again.code == 0, again.output
            assert not [name for name in again.changed if not re.match("System|r2u|Packages", name)], again.output
    finally:
        for name in (NAME, base_name(NAME)):
            subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)
