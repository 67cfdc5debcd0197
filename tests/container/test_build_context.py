"""What a build sees of the work tree, by the engine that builds: all that the project has, nothing that lies there by chance."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.unit.tasks.test_stray import CHANCE, CONTEXT, tracked

from .machines import ROOT


def test_the_context_is_what_the_project_has(docker: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    needed = tracked()
    folders = [name for name in CONTEXT if (ROOT / name).is_dir()]
    planted = [*CHANCE, *(f"{folder}/{name}" for folder in folders for name in (*CHANCE, f"deep/er/{CHANCE[0]}"))]
    others = [
        "build/mirror/wheels/a.whl",
        ".venv/bin/python",
        "docs/index.md",
        "tests/fakes/s3.py",
        "builder/__main__.py",
    ]
    for name in (*needed, *planted, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "Everything").write_text("FROM scratch\nCOPY . /\n")
    done = subprocess.run(
        [docker, "build", "--quiet", "--file", tmp_path / "Everything", "--output", "type=tar,dest=-", tmp_path],
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        seen = {member.name for member in archive if member.isfile()}
    assert seen == set(needed)
