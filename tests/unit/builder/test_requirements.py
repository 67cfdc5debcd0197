"""requirements/: every package is pinned by its hash, from whatever index the build host's own client uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "requirements"
LOCKS = ("build", "test", "bench", "jupyterhub", "docs")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_pins_and_hashes_alone(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text()
    entry = r"[A-Za-z0-9._-]+(\[[a-z0-9,]+\])?==\S+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"({entry})+", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_source_has_its_lock(name: str) -> None:
    """A package that was added to the .in file and not locked would be missing."""
    lines = (line.partition("#")[0].strip() for line in (FOLDER / f"{name}.in").read_text().splitlines())
    asked = {re.split(r"[=<>\[;]", line)[0].lower() for line in lines if line and not line.startswith("-")}
    assert asked <= {pinned.lower() for pinned in pins(name)}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_builder_venv_finds_uv_in_every_list(path: Path) -> None:
    """It installs the rest with it: `make docs` failed in a fresh clone."""
    assert path.stem in LOCKS
    assert pins(path.stem)["uv"] == pins("build")["uv"]


@pytest.mark.parametrize("name", ["test", "bench", "docs"])
def test_one_environment_holds_them_all(name: str) -> None:
    """They share an environment: what the builder needs has one version in all."""
    assert {**pins("build"), **pins(name)} == {**pins(name), **pins("build")}
