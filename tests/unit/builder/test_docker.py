"""builder/docker.py: which line of a client's complaint says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import docker


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("", "no reason given"),
        ("Error response from daemon: no such image\n", "no such image"),
        ("docker: Error response from daemon: port taken.\nSee 'docker run --help'.\n", "port taken."),
        (
            "Unable to find image 'x' locally\ndocker: no such host\n\nRun 'docker run --help' for more\n",
            "no such host",
        ),
        ("no rights\nWARNING: Error loading config file\n", "no rights"),
    ],
)
def test_reason(stderr: str, reason: str) -> None:
    assert docker.reason(stderr) == reason


def test_the_engines_own_builder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one (`docker buildx create`) built without a fault, and the engine had no image."""
    monkeypatch.setenv("BUILDX_BUILDER", "other")
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\necho "$1 $BUILDX_BUILDER" >>{tmp_path}/calls\n')
    client.chmod(0o755)
    docker.build(str(client), "Dockerfile", "x", {}, ".", docker.BuildInputs())
    docker.call(str(client), "tag")
    assert (tmp_path / "calls").read_text() == "build \ntag \n"
