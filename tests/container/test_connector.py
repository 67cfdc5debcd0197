"""The docker connector: by hand, and as a road to a tagged image that a failed run never makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder import connector
from builder import docker as client
from builder.errors import BuildError
from builder.settings import Settings

from .fixtures import Machines
from .machines import PYINFRA, ROOT, provision, until
from .notebook import Notebook

TAG = "melda-test-connector:latest"
Builder = Callable[..., subprocess.CompletedProcess[str]]


def images(docker: str) -> set[str]:
    """Images without a name that were committed from a container of pyinfra's: other tests may build images meanwhile."""
    command = [docker, "images", "--quiet", "--no-trunc", "--filter", "dangling=true"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {
        one for one in found if client.inspect(docker, "image", one)["Config"]["Cmd"] == ["tail", "-f", "/dev/null"]
    }


@pytest.fixture(scope="module")
def bare(docker: str, base_image: str, bases: dict[str, str]) -> Iterator[str]:
    """The files of the provisioned base, described like the bare one: what else is said of it the connector has added."""
    name, container = "melda-test-bare:latest", client.call(docker, "create", base_image)
    variables = client.inspect(docker, "image", bases["bookworm"])["Config"]["Env"]
    changes = [part for variable in variables for part in ("--change", f"ENV {variable}")]
    try:
        with subprocess.Popen([docker, "export", container], stdout=subprocess.PIPE) as exported:
            command = [docker, "import", *changes, "-", name]
            subprocess.run(command, stdin=exported.stdout, capture_output=True, check=True)
        yield name
    finally:
        subprocess.run([docker, "rm", container], capture_output=True, check=False)
        subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.fixture(scope="module")
def tagged(docker: str, bare: str) -> Iterator[str]:
    connector.build(docker, "debian:bookworm", bare, Settings(image=TAG, packages="none"))
    yield TAG
    subprocess.run([docker, "image", "rm", "--force", TAG], capture_output=True, check=False)


def test_the_tagged_image_is_described_like_the_dockerfiles(docker: str, tagged: str, image: str) -> None:
    def described(name: str) -> dict[str, object]:
        shown = subprocess.run([docker, "image", "inspect", name], check=True, capture_output=True, text=True).stdout
        config = json.loads(shown)[0]["Config"]
        kept = {key: config[key] for key in ("WorkingDir", "ExposedPorts", "Entrypoint", "Cmd", "Healthcheck")}
        return kept | {"Env": sorted(config["Env"])}

    assert described(tagged) == described(image)


def test_a_failed_run_leaves_no_image(docker: str, bases: dict[str, str]) -> None:
    before = images(docker)
    with pytest.raises(BuildError, match="no image was made"):
        chosen = Settings(image="melda-test-failed:latest", packages="nonsense")
        connector.build(docker, "debian:bookworm", bases["bookworm"], chosen)
    assert images(docker) == before
    assert subprocess.run(
        [docker, "image", "inspect", "melda-test-failed:latest"], capture_output=True, check=False
    ).returncode


def test_by_hand_a_run_that_changes_nothing_says_what_it_leaves(docker: str, bases: dict[str, str]) -> None:
    """pyinfra commits an image of every run that connected."""
    before = images(docker)
    command = [PYINFRA, "--dry", f"@docker/{bases['bookworm']}", "tasks.mount.mount"]
    variables = {**os.environ, "PATH": f"{Path(docker).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    (left,) = re.findall("docker image rm ([0-9a-f]+)", done.stdout)
    try:
        assert f"Image {left} has no name, and it is unfinished" in done.stdout
        # What is wrong with the command line leaves none.
        refused = provision(docker, f"@docker/{bases['bookworm']}", "tasks.ssh.ssh", ssh_public_key="garbage")
        assert refused.code == 1 and "invalid ssh_public_key='garbage': expected " in refused.output
        assert {one for one in images(docker) - before if left not in one} == set()
    finally:
        subprocess.run([docker, "image", "rm", "--force", left], capture_output=True, check=False)


def test_by_hand_on_an_image_and_the_result_starts_without_our_env(docker: str, bare: str, machines: Machines) -> None:
    """`pyinfra @docker/IMAGE deploy.py` as it stands; what it commits has no ENV, and start-jupyter works there too."""
    done = provision(docker, f"@docker/{bare}", packages="none")
    assert done.code == 0, done.output
    found = re.search(r"image ID: (\w+)", done.output)
    assert found, done.output
    image = found.group(1)
    # What it made, what that lacks, and the command that gives the rest, at the end.
    assert f"Image {image} holds all that the deploy installs. It lacks a name, ENV" in done.output
    last = done.output.strip().splitlines()[-1]
    assert last.endswith(f"make connector BASE={image} IMAGE=melda-jupyter:latest PACKAGES=none"), last
    try:
        machine = machines(image, command=("start-jupyter",))
        until(lambda: "ready: http" in machine.logs(), "start-jupyter says it is ready")
        (token,) = re.findall(r"ready: http\S+token=(\S+)", machine.logs())
        notebook = Notebook(f"http://{machine.address}:8888", token)
        assert (
            notebook.run("python3", "import os; print(os.environ['JUPYTER_WORKDIR'])").stdout == "/home/melda/project\n"
        )
        assert notebook.run("ir", "cat(getwd())").stdout == "/home/melda/project"
        # As in the image that has ENV: PAM has no part in this shell.
        assert machine.run("bash -lc 'echo $username $UHOME $LANG; command -v jupyter get-versions'").split() == [
            "melda", "/home/melda", "en_US.UTF-8", "/opt/jupyter/bin/jupyter", "/usr/src/melda-jupyter/get-versions",
        ]  # fmt: skip
        machine.remove()
    finally:
        subprocess.run([docker, "image", "rm", "--force", image], capture_output=True, check=False)
