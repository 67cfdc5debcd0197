"""``make publish``: a real image in a real registry, and a manifest that agrees with the image."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from builder import manifest
from tests.standins.registry import Registry

from .conftest import Machines

Builder = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture
def forget(docker: str, registry: Registry) -> Iterator[None]:
    """Take this registry's names from the engine when the test is over."""
    yield
    shown = subprocess.run(
        [docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{registry.address}/*/*"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    if shown:
        subprocess.run([docker, "image", "rm", *shown], check=True, capture_output=True)


@pytest.mark.usefixtures("forget")
def test_a_registry_has_the_image_under_each_tag(
    docker: str, image: str, registry: Registry, builder: Builder, machines: Machines
) -> None:
    repository = f"{registry.address}/team/melda"
    done = builder("publish", "--image", image, "--repository", repository)
    assert done.returncode == 0, done.stderr
    described = json.loads(manifest.paths(image)[1].read_text())
    assert registry.tags("team/melda") == set(described["tags"])
    assert {registry.digest("team/melda", tag) for tag in described["tags"]} == {described["digest"]}
    assert f"digest   {described['digest']}" in done.stdout
    assert all(f"pushed   {repository}:{tag}" in done.stdout for tag in described["tags"])
    # What a registry's client reads of it without pulling: labels, and for what it was built.
    config = registry.config("team/melda", described["tags"][-1])
    assert config["config"]["Labels"]["io.melda.omitted"] == "; ".join(described["omitted"])
    assert f"{config['os']}/{config['architecture']}" == described["platform"]

    # By the name that was pushed, and by each interpreter's own word.
    machine = machines(f"{repository}:{described['tags'][-1]}", command=("tail", "-f", "/dev/null"))
    release, r, python = described["tags"][-1].split("_")
    assert machine.run(". /etc/os-release; echo $VERSION_ID") == f"{release}\n"
    assert machine.run("Rscript --vanilla -e 'cat(as.character(getRversion()))'") == r.removeprefix("R-")
    said = machine.run("/opt/jupyter/bin/python -c 'import platform; print(platform.python_version())'")
    assert said == f"{python.removeprefix('python-')}\n"
    assert json.loads(machine.run("get-versions --output -")) == described["versions"]
    page = manifest.paths(image)[0].read_text()
    jupyter = machine.run("/opt/jupyter/bin/python -m pip show jupyter | sed -n 's/^Version: //p'").strip()
    assert f"| jupyter | {jupyter} |" in page.splitlines()


def test_what_cannot_be_published_is_one_line(docker: str, image: str, registry: Registry, builder: Builder) -> None:
    repository = f"{registry.address}/team/melda"
    for arguments, words in (
        (("--image", image, "--repository", f"{repository}:1"), f"REPOSITORY={repository}:1 is not right"),
        (("--image", "melda-test-missing:1", "--repository", repository), "IMAGE=melda-test-missing:1 is not right"),
    ):
        done = builder("publish", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"melda-jupyter: {words}: it must be") and done.stderr.count("\n") == 1


@pytest.mark.usefixtures("forget")
def test_a_registry_that_is_gone_is_one_line(image: str, registry: Registry, builder: Builder) -> None:
    registry.stop()
    done = builder("publish", "--image", image, "--repository", f"{registry.address}/team/melda")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"melda-jupyter: docker push {registry.address}/team/melda:")
    assert "connection refused" in done.stderr
