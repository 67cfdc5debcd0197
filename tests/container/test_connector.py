"""The docker connector: by hand, and as a road to a tagged image that a failed run never makes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from builder import connector
from builder import docker as client
from builder.errors import BuildError

from .fixtures import Machines
from .machines import provision, until
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
    connector.build(docker, "debian:bookworm", bare, TAG, "none", strict=False)
    yield TAG
    subprocess.run([docker, "image", "rm", "--force", TAG], capture_output=True, check=False)


def test_the_tagged_image_is_described_like_the_dockerfiles(docker: str, tagged: str, image: str) -> None:
    def described(name: str) -> dict[str, object]:
        shown = subprocess.run([docker, "image", "inspect", name], check=True, capture_output=True, text=True).stdout
        config = json.loads(shown)[0]["Config"]
        kept = {key: config[key] for key in ("WorkingDir", "ExposedPorts", "Cmd", "Healthcheck")}
        return kept | {"Env": sorted(config["Env"])}

    assert described(tagged) == described(image)


def test_the_tagged_image_becomes_healthy(tagged: str, machines: Machines) -> None:
    machine = machines(tagged)
    until(lambda: machine.inspect("{{.State.Health.Status}}") == "healthy", "the container is healthy")


def test_a_failed_run_leaves_no_image(docker: str, bases: dict[str, str]) -> None:
    before = images(docker)
    with pytest.raises(BuildError, match="no image was made"):
        connector.build(
            docker, "debian:bookworm", bases["bookworm"], "melda-test-failed:latest", "nonsense", strict=False
        )
    assert images(docker) == before
    assert subprocess.run(
        [docker, "image", "inspect", "melda-test-failed:latest"], capture_output=True, check=False
    ).returncode


def test_by_hand_on_an_image_and_the_result_starts_without_our_env(docker: str, bare: str, machines: Machines) -> None:
    """`pyinfra @docker/IMAGE deploy.py` as it stands; what it commits has no ENV, and start-jupyter works there too."""
    done = provision(docker, f"@docker/{bare}", packages="none")
    assert done.code == 0, done.output
    found = re.search(r"image ID: (\w+)", done.output)
    assert found, done.output
    image = found.group(1)
    try:
        machine = machines(image, command=("start-jupyter",))
        until(lambda: "ready: http" in machine.logs(), "start-jupyter says it is ready")
        (token,) = re.findall(r"ready: http\S+token=(\S+)", machine.logs())
        notebook = Notebook(f"http://{machine.address}:8888", token)
        assert (
            notebook.run("python3", "import os; print(os.environ['JUPYTER_WORKDIR'])").stdout == "/home/melda/project\n"
        )
        assert notebook.run("ir", "cat(getwd())").stdout == "/home/melda/project"
        machine.remove()
    finally:
        subprocess.run([docker, "image", "rm", "--force", image], capture_output=True, check=False)
