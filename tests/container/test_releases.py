"""The Dockerfile's way on the other releases, where another Python runs another pyinfra inside the image."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder import docker as client
from builder import overrides

from .fixtures import Machines
from .machines import HEALTH_CHECK, ROOT, provision, until
from .notebook import Notebook


# The newest release is provisioned from outside in each run of the tests (test_machine.py).
@pytest.mark.full
@pytest.mark.parametrize(("codename", "version"), [("bullseye", "11"), ("trixie", "13")])
def test_the_base_image_builds_and_both_kernels_run(
    docker: str, bases: dict[str, str], machines: Machines, codename: str, version: str
) -> None:
    tag = f"melda-test-release:{codename}"
    try:
        client.build(
            docker,
            str(Path(ROOT) / "Dockerfile.base"),
            tag,
            {"BASE": bases[codename]},
            str(ROOT),
            overrides.to_build({}),
        )
        machine = machines(tag, ("--env", "JUPYTER_TOKEN=release", *HEALTH_CHECK))
        until(lambda: machine.healthy, "the container is healthy")
        notebook = Notebook(f"http://{machine.address}:8888", "release")
        assert notebook.run("python3", "print(6 * 7)").stdout == "42\n"
        assert notebook.run("ir", "cat(6 * 7)").stdout == "42"
        assert f'"Debian": "{version}"' in machine.run("get-versions --output -")
        # PEP 668: the distribution's own Python stays its own, and says so from Debian 12 on.
        assert machine.run("ls -A /usr/local/lib/python3*/dist-packages 2>/dev/null || true") == ""
        if int(version) >= 12:
            machine.run("ls /usr/lib/python3*/EXTERNALLY-MANAGED")
        machine.remove()
    finally:
        subprocess.run([docker, "image", "rm", "--force", tag], capture_output=True, check=False)


@pytest.mark.full
def test_the_pyinfra_of_ubuntu_20_04_provisions_and_then_has_nothing_to_do(
    docker: str, bases: dict[str, str], machines: Machines, tmp_path: Path
) -> None:
    """Python 3.8 gets pyinfra 3.2 at most. Here it runs with the tests' Python, from the lock that is for 3.8."""
    lock = ROOT / "builder" / "pyinfra" / "3.8.txt"
    command = [Path(sys.executable).parent / "uv", "pip", "install", "--quiet", "--python", sys.executable, "--target"]
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock]
    subprocess.run([*command, tmp_path, *options], check=True)
    old = {"PYTHONPATH": str(tmp_path)}
    program = str(tmp_path / "bin" / "pyinfra")
    output = subprocess.run(
        [program, "--version"], env={**os.environ, **old}, capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == ["pyinfra:", "v3.2"]
    machine = machines(bases["bookworm"], command=("tail", "-f", "/dev/null"))
    first = provision(docker, f"@docker/{machine.name}", environment=old, program=program, packages="none")
    assert first.code == 0, first.output
    assert len(first.changed) > 20, "the table of this pyinfra is read"
    again = provision(docker, f"@docker/{machine.name}", environment=old, program=program, packages="none")
    assert (again.code, again.changed) == (0, []), again.output
    assert '"Debian": "12"' in machine.run("get-versions --output -")
