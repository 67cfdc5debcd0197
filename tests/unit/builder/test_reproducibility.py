"""What counts as a difference between two images."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from builder import reproducibility

ROOT = Path(__file__).resolve().parents[3]


def packed(content: bytes = b"x", **attributes: Any) -> dict[str, reproducibility.Entry]:
    """The entries of an archive with a folder, a file and a link, with attributes of the file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        folder = tarfile.TarInfo("etc")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        file = tarfile.TarInfo("etc/file")
        file.size = len(content)
        for name, value in attributes.items():
            setattr(file, name, value)
        archive.addfile(file, io.BytesIO(content))
        link = tarfile.TarInfo("etc/link")
        link.type, link.linkname = tarfile.SYMTYPE, "file"
        archive.addfile(link)
    stream.seek(0)
    return reproducibility.entries(stream)


def test_the_same_is_the_same_at_another_time() -> None:
    assert reproducibility.differences(packed(mtime=1), packed(mtime=2)) == []


@pytest.mark.parametrize("change", [{"content": b"y"}, {"mode": 0o600}, {"uid": 1001}, {"gid": 1001}])
def test_content_mode_and_owner_count(change: dict[str, Any]) -> None:
    assert reproducibility.differences(packed(), packed(**change)) == ["etc/file"]


def test_what_is_in_one_only_counts() -> None:
    less = {path: entry for path, entry in packed().items() if path != "etc/link"}
    assert reproducibility.differences(packed(), less) == reproducibility.differences(less, packed()) == ["etc/link"]


def test_without_two_names_it_says_so() -> None:
    run = [sys.executable, "-m", "builder.reproducibility", "one"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "melda-jupyter: give the names of two images\n")
