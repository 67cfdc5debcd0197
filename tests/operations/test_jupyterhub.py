"""tasks/jupyterhub.py: nothing, or what the lock says."""

from __future__ import annotations

import pytest
from pyinfra.facts.server import OsRelease

from tasks import jupyterhub, packages
from tasks.facts.r import RPackages
from tasks.facts.venv import Distributions
from tasks.lib import managed_files
from tasks.lib.locks import pins

from .conftest import BOOKWORM, FOCAL, Run

INSTALL = "Install JupyterHub's side of a notebook"


def pinned(*locks: str) -> set[str]:
    return {f"{name}=={version}" for lock in locks for name, version in pins(managed_files.source(lock)).items()}


def test_it_has_to_be_asked_for(run: Run) -> None:
    assert run(jupyterhub.jupyterhub) == {}


@pytest.mark.parametrize(("release", "lock"), [(BOOKWORM, "3.11"), (FOCAL, "3.8")])
def test_the_lock_of_the_release(run: Run, release: dict[str, str], lock: str) -> None:
    commands = run(jupyterhub.jupyterhub, {OsRelease: release}, jupyterhub=True)
    assert list(commands) == [INSTALL]
    assert commands.uploads["/var/lib/melda-jupyter.provision/lock.txt"] == managed_files.source(
        f"jupyterhub/locks/{lock}.txt"
    )


def test_already_there(run: Run) -> None:
    done = {Distributions: pinned("jupyterhub/locks/3.11.txt")}
    assert run(jupyterhub.jupyterhub, done, jupyterhub=True) == {}


@pytest.mark.parametrize("asked", [True, False])
def test_it_is_in_no_list_unless_it_is_asked_for(run: Run, asked: bool, caplog: pytest.LogCaptureFixture) -> None:
    there = pinned("packages/locks/none-3.11.txt", "packages/locks/core-3.11.txt", "jupyterhub/locks/3.11.txt")
    wanted = set(packages.names(managed_files.source("packages/r-core.txt")))
    run(packages.packages, {Distributions: there, RPackages: wanted}, packages="core", jupyterhub=asked)
    assert ("jupyterhub" in caplog.text) is not asked
