"""The tree as a whole: files one can read in a sitting."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300


def modules() -> list[str]:
    """Every Python program of the repository, by what git knows."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [
        name
        for name in listed
        if name.endswith(".py") or (ROOT / name).read_bytes()[:80].startswith(b"#!/usr/bin/python3")
    ]


@pytest.mark.parametrize("module", modules())
def test_no_module_is_longer_than_one_reads(module: str) -> None:
    if (ROOT / module).exists():
        assert len((ROOT / module).read_text().splitlines()) <= LONGEST
