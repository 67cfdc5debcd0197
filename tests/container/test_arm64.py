"""An image for another platform, emulated here: it is built by the same command, starts, and both kernels compute."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import docker as client

from .machines import ROOT
from .services import Service

PLATFORM = "linux/arm64"
EMULATED = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")

pytestmark = pytest.mark.skipif(not EMULATED.exists(), reason="this host emulates no arm64: docs/publishing.md")


@pytest.fixture(scope="module", params=["none", "core"])
def arm64(docker: str, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"melda-test-arm64-{uuid.uuid4().hex[:8]}:latest"
    options = [f"--packages={request.param}", f"--image={name}", "--base=debian:bookworm", f"--platform={PLATFORM}"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "builder", "image", *options], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        yield name
    finally:
        for one in (name, name.replace(":", "-base:")):
            subprocess.run([docker, "image", "rm", "--force", one], capture_output=True, check=False)


@pytest.mark.full
@pytest.mark.timeout(4 * 3600)
def test_both_kernels_run(docker: str, arm64: str) -> None:
    assert client.inspect(docker, "image", arm64)["Architecture"] == "arm64"
    service = Service(docker, arm64, ("--platform", PLATFORM)).ready()
    try:
        code = "import platform; print(platform.machine(), 6 * 7)"
        assert service.notebook.run("python3", code).stdout == "aarch64 42\n"
        assert service.notebook.run("ir", "cat(R.version$arch, 6 * 7)").stdout == "aarch64 42"
        assert service.health()["jupyter"] == "ok"
    finally:
        service.remove()
