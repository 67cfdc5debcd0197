"""The Dockerfile's way on the other releases, where another Python runs another pyinfra inside the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from builder import docker as client
from builder import host

from .conftest import Machines
from .machines import ROOT, until
from .notebook import Notebook


@pytest.mark.parametrize(("codename", "version"), [("bullseye", "11"), ("trixie", "13")])
def test_the_base_image_builds_and_both_kernels_run(
    docker: str, bases: dict[str, str], machines: Machines, codename: str, version: str
) -> None:
    tag = f"melda-test-release:{codename}"
    try:
        client.build(
            docker, str(Path(ROOT) / "Dockerfile.base"), tag, {"BASE": bases[codename]}, str(ROOT), host.ca_bundle()
        )
        machine = machines(tag, ("--env", "JUPYTER_TOKEN=release"))
        until(lambda: machine.inspect("{{.State.Health.Status}}") == "healthy", "the container is healthy")
        notebook = Notebook(f"http://{machine.address}:8888", "release")
        assert notebook.run("python3", "print(6 * 7)").stdout == "42\n"
        assert notebook.run("ir", "cat(6 * 7)").stdout == "42"
        assert f'"Debian": "{version}"' in machine.run("get-versions --output -")
        machine.remove()
    finally:
        subprocess.run([docker, "image", "rm", "--force", tag], capture_output=True, check=False)
