"""builder/base.py: what BASE stands for, with a docker client that is a small script."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import base
from builder.errors import Refused


def client(folder: Path, script: str) -> str:
    path = folder / "docker"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


HERE = "exit 0\n"
NOWHERE = 'case "$1" in image) exit 1;; manifest) echo "no such host" >&2; exit 1;; esac\n'
PULLED = 'case "$1" in image) exit 1;; esac; exit 0\n'


@pytest.mark.parametrize(
    ("asked", "script", "chosen", "why"),
    [
        ("debian:trixie", NOWHERE, "debian:trixie", ""),
        ("auto", HERE, "rocker/r-ubuntu:20.04", ""),
        ("auto", PULLED, "rocker/r-ubuntu:20.04", ""),
        ("auto", NOWHERE, "debian:bookworm", "rocker/r-ubuntu:20.04 cannot be had (no such host)"),
        ("example/r:1", HERE, "example/r:1", ""),
    ],
)
def test_choice(tmp_path: Path, asked: str, script: str, chosen: str, why: str) -> None:
    assert base.choose(client(tmp_path, script), asked) == (chosen, why)


def test_an_image_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^BASE=debian:sid cannot be had \(no such host\): it must be auto, an image"):
        base.choose(client(tmp_path, NOWHERE), "debian:sid")


def test_a_registry_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PULL_ANSWER", 0.2)
    slow = client(tmp_path, 'case "$1" in image) exit 1;; manifest) exec sleep 30;; esac\n')
    assert base.choose(slow, "auto") == (
        "debian:bookworm",
        "rocker/r-ubuntu:20.04 cannot be had (its registry did not answer within 0.2 s)",
    )
