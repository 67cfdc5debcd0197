"""tasks/layers: the parts of the deploy that the layers of an image hold, with the files that the Dockerfiles give each step."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from pyinfra.facts.server import OsRelease

from tasks import packages, r2u, settings
from tasks.facts.apt import KnownPackages, Reachable
from tasks.lib import locks, managed_files
from tasks.operations.r import debian_name
from tests.unit.builder.test_layers import copied, steps

from .conftest import BOOKWORM, FOCAL, ROOT, Run


def names_of(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path, part: str, release: dict[str, Any]) -> list[str]:
    """The operations of a part that does all it can, on a target that has nothing, with the files of ``folder`` alone."""
    for module in (managed_files, r2u, settings):
        monkeypatch.setattr(module, "ROOT", folder)
    name, chosen, initials = [*part.split(), "", ""][:3]
    monkeypatch.setenv("INITIALS", initials)
    known = {debian_name(package) for package in packages.r_names(chosen)} if name == "r_packages" else set()
    facts = {OsRelease: release, Reachable: True, KnownPackages: known}
    path = str(ROOT / f"tasks/layers/{name}.py")
    return run(lambda: runpy.run_path(path), facts, packages=chosen or "none", jupyterhub=True).names


@pytest.mark.parametrize("release", [BOOKWORM, FOCAL], ids=["bookworm", "focal"])
@pytest.mark.parametrize(("dockerfile", "stage", "part"), steps(), ids=lambda value: str(value))
def test_a_step_has_the_files_that_it_reads(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dockerfile: str,
    stage: str,
    part: str,
    release: dict[str, Any],
) -> None:
    copied(dockerfile, stage, tmp_path)
    found = names_of(run, monkeypatch, tmp_path, part, release)
    assert len(found) >= 2
    assert found[-1] == "Leftovers | Remove what a killed run left"


def test_what_a_part_does_the_whole_deploy_does_too(run: Run) -> None:
    def names(path: str, chosen: str) -> set[str]:
        return set(run(lambda: runpy.run_path(str(ROOT / path)), {OsRelease: BOOKWORM}, packages=chosen).names)

    whole = names("deploy.py", "datascience")
    for part in ("system", "r_packages", "python_packages"):
        assert names(f"tasks/layers/{part}.py", "datascience") <= whole, part


def test_a_mode_is_changed_in_the_layer_of_the_file(run: Run) -> None:
    """Programs lose setuid, and host keys go, in the layer that has them: later they would be stored twice, or be there."""
    for part in ("system", "r_packages"):
        names = run(
            lambda path=f"tasks/layers/{part}.py": runpy.run_path(str(ROOT / path)), {OsRelease: BOOKWORM}
        ).names
        assert any(name.startswith("Privileges | ") for name in names)
    system = run(lambda: runpy.run_path(str(ROOT / "tasks/layers/system.py")), {OsRelease: BOOKWORM}).names
    assert "ssh | Remove host keys that all containers would share" in system


def test_the_steps_of_a_set_install_all_of_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[dict[str, str]] = []
    monkeypatch.setattr(packages.jupyter, "install", lambda _, lock: installed.append(locks.pins(lock)))
    for initials in [part.split()[2] for _, _, part in steps() if part.startswith("python_packages datascience")]:
        monkeypatch.setenv("INITIALS", initials)
        run(
            lambda: runpy.run_path(str(ROOT / "tasks/layers/python_packages.py")),
            {OsRelease: BOOKWORM},
            packages="datascience",
        )
    of_set = locks.pins((ROOT / "files/packages/locks/datascience-3.11.txt").read_bytes())
    first, second = installed[1::2]
    assert first | second == of_set and first and second and not first.keys() & second.keys()
