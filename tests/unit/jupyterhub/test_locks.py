"""files/jupyterhub/: a lock for each Python, which adds to Jupyter's own and contradicts none."""

from __future__ import annotations

import re

import pytest
from packaging.version import Version

from builder.lock import FILES
from tasks.lib.locks import entries, pins
from tasks.packages import SETS
from tasks.releases import RELEASES

PYTHONS = sorted({release.python for release in RELEASES.values()})
LOCKS = FILES / "jupyterhub" / "locks"


def test_one_for_each_python_and_one_jupyterhub_in_all() -> None:
    assert sorted(path.name for path in LOCKS.iterdir()) == sorted(f"{python}.txt" for python in PYTHONS)
    assert len({pins(path.read_bytes())["jupyterhub"] for path in LOCKS.iterdir()}) == 1


def test_the_hub_of_the_tests_is_of_the_same_line() -> None:
    """JupyterHub wants hub and servers to be of one minor version."""
    hub = pins((FILES.parent / "requirements" / "jupyterhub.txt").read_bytes())["jupyterhub"]
    servers = pins((LOCKS / "3.11.txt").read_bytes())["jupyterhub"]
    assert Version(hub).release[:2] == Version(servers).release[:2]


@pytest.mark.parametrize("python", PYTHONS)
def test_it_adds_to_jupyters_own_and_agrees_with_every_set(python: str) -> None:
    text = (LOCKS / f"{python}.txt").read_text()
    ours = pins(text.encode())
    for chosen in SETS:
        theirs = pins((FILES / f"packages/locks/{chosen}-{python}.txt").read_bytes())
        assert {name: theirs[name] for name in ours if name in theirs and theirs[name] != ours[name]} == {}
        assert chosen != "none" or not ours.keys() & theirs.keys()
    assert all(re.search("--hash=sha256:[0-9a-f]{64}", entry) for entry in entries(text))
