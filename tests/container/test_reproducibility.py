"""Two builds of the same revision give the same files, but for those that docs/reproducibility.md names."""

from __future__ import annotations

import subprocess

from builder import docker as client
from builder import host, reproducibility

from .fixtures import BASE_IMAGE
from .machines import ROOT

KNOWN = "var/cache/fontconfig/"


def test_the_base_built_again_is_the_same(docker: str, image: str, bases: dict[str, str]) -> None:
    again = "melda-test-again:latest"
    # The same settings in other words: none of the layers counts as built.
    arguments = {"BASE": bases["bookworm"], "PROVISION_DATA": " "}
    try:
        client.build(docker, str(ROOT / "Dockerfile.base"), again, arguments, str(ROOT), host.ca_bundle())
        assert client.inspect(docker, "image", again)["RootFS"] != client.inspect(docker, "image", BASE_IMAGE)["RootFS"]
        found = reproducibility.differences(*(reproducibility.listing(docker, name) for name in (BASE_IMAGE, again)))
    finally:
        subprocess.run([docker, "image", "rm", "--force", again], capture_output=True, check=False)
    assert [path for path in found if not path.startswith(KNOWN)] == []


def test_a_build_on_another_day_makes_the_same_accounts(docker: str, image: str) -> None:
    """No account that has no password says on which day it was made."""
    command = [docker, "run", "--rm", "--entrypoint", "cat", image, "/etc/shadow", "/etc/shadow-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert any(line.startswith("melda:") for line in lines)
    assert [line for line in lines if line.split(":")[1].strip("!*") == "" and line.split(":")[2]] == []
