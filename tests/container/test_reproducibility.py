"""Two builds of the same revision give the same files."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone

import pytest
from melda.base.paths import IMAGE as IMAGE_FILE

from builder import docker as client
from builder import overrides, reproducibility

from .fixtures import BASE_IMAGE
from .machines import ROOT


@pytest.mark.full
def test_the_base_built_again_is_the_same(docker: str, image: str, bases: dict[str, str]) -> None:
    again = "melda-test-again:latest"
    # The same settings in other words: none of the layers counts as built.
    arguments = {"BASE": bases["bookworm"], "PROVISION_DATA": " "}
    try:
        began = datetime.now(timezone.utc)
        client.build(docker, str(ROOT / "Dockerfile.base"), again, arguments, str(ROOT), overrides.to_build({}))
        assert datetime.fromisoformat(client.inspect(docker, "image", again)["Created"][:19] + "+00:00") > began
        found = reproducibility.differences(*(reproducibility.listing(docker, name) for name in (BASE_IMAGE, again)))
        one, other = (client.inspect(docker, "image", name)["RootFS"]["Layers"] for name in (BASE_IMAGE, again))
    finally:
        subprocess.run([docker, "image", "rm", "--force", again], capture_output=True, check=False)
    # What only the one has is its label's.
    assert [path for path in found if path != IMAGE_FILE.lstrip("/")] == []
    # In one the base's editor gives way to another, and its manual's links are marked as deleted, with the time: docs/layers.md.
    assert len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= 1


@pytest.mark.full
def test_layers_of_packages_made_again_are_those_that_registries_have(
    docker: str, image: str, bases: dict[str, str]
) -> None:
    """One package more of R makes none of Python's layers new, though all of them are made again."""
    of_base = {"BASE": bases["bookworm"], **overrides.image_arguments({}), "PROVISION_DATA": ""}
    system = "melda-test-system:latest"
    made = ["melda-test-again:1", "melda-test-again:2"]
    try:
        client.build(
            docker, str(ROOT / "Dockerfile.base"), system, of_base, str(ROOT), overrides.to_build({}), "system"
        )
        below = len(client.inspect(docker, "image", system)["RootFS"]["Layers"])
        for blanks, name in enumerate(made, 1):
            # The same settings in other words: none of the layers counts as built.
            given = {"BASE_IMAGE": system, "PROVISION_DATA": "packages=core" + " " * blanks}
            client.build(docker, str(ROOT / "Dockerfile"), name, given, str(ROOT), overrides.to_build({}))
        one, other = (client.inspect(docker, "image", name) for name in made)
        assert one["Created"] != other["Created"]
        assert one["RootFS"]["Layers"][below:] == other["RootFS"]["Layers"][below:]
    finally:
        subprocess.run([docker, "image", "rm", "--force", system, *made], capture_output=True, check=False)


def test_no_layer_holds_the_time_of_its_build(docker: str, image: str) -> None:
    """The engine writes that of /etc where it had to make a place for a mount, and a registry would have each layer twice."""
    data = client.inspect(docker, "image", image)["GraphDriver"]["Data"]
    folders = [data["UpperDir"], *data["LowerDir"].split(":")]
    times = {os.stat(f"{folder}/etc").st_mtime for folder in folders[:-1] if os.path.isdir(f"{folder}/etc")}
    assert times == {1577836800.0}


def test_a_build_on_another_day_makes_the_same_accounts(docker: str, image: str) -> None:
    """No account that has no password says on which day it was made."""
    command = [docker, "run", "--rm", "--entrypoint", "cat", image, "/etc/shadow", "/etc/shadow-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert any(line.startswith("melda:") for line in lines)
    assert [line for line in lines if line.split(":")[1].strip("!*") == "" and line.split(":")[2]] == []
