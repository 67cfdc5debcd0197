"""builder/docker.py: which line of a client's complaint says why."""

from __future__ import annotations

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
