"""Two builds of the same revision give the same files."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone

from melda.base.paths import IMAGE as IMAGE_FILE

from builder import docker as client
from builder import host, reproducibility

from .fixtures import BASE_IMAGE
from .machines import ROOT


def test_the_base_built_again_is_the_same(docker: str, image: str, bases: dict[str, str]) -> None:
    again = "melda-test-again:latest"
    # The same settings in other words: none of the layers counts as built.
    arguments = {"BASE": bases["bookworm"], "PROVISION_DATA": " "}
    try:
        began = datetime.now(timezone.utc)
        client.build(docker, str(ROOT / "Dockerfile.base"), again, arguments, str(ROOT), host.ca_bundle())
        assert datetime.fromisoformat(client.inspect(docker, "image", again)["Created"][:19] + "+00:00") > began
        found = reproducibility.differences(*(reproducibility.listing(docker, name) for name in (BASE_IMAGE, again)))
    finally:
        subprocess.run([docker, "image", "rm", "--force", again], capture_output=True, check=False)
    # What only the one has is its label's.
    assert [path for path in found if path != IMAGE_FILE.lstrip("/")] == []


def test_a_build_on_another_day_makes_the_same_accounts(docker: str, image: str) -> None:
    """No account that has no password says on which day it was made."""
    command = [docker, "run", "--rm", "--entrypoint", "cat", image, "/etc/shadow", "/etc/shadow-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert any(line.startswith("melda:") for line in lines)
    assert [line for line in lines if line.split(":")[1].strip("!*") == "" and line.split(":")[2]] == []
