"""tasks/sync.py: what packs archives, and the line that terminals show."""

from __future__ import annotations

from pyinfra.facts.deb import DebPackages

from tasks import debian_packages, sync
from tasks.facts.files import PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, arguments, in_place

PROFILE = "/etc/profile.d/melda-persistence.sh"
NEEDS = set(debian_packages.PACKAGES["sync"])
SHOWN = ManagedFile(PROFILE, managed_files.source("sync/profile.sh").replace(b"@USER@", b"melda"))
DONE = {DebPackages: NEEDS, PathStats: in_place([SHOWN])}


def test_fresh(run: Run) -> None:
    commands = run(sync.sync)
    assert arguments(*commands["Install what packs archives"]) == ["zstd"]
    assert commands.uploads[f"{PROFILE}.melda-new"].count(b"@") == 0


def test_already_there(run: Run) -> None:
    assert run(sync.sync, DONE) == {}


def test_half_there(run: Run) -> None:
    half = {**DONE[PathStats], PROFILE: ("file", "666", "root", "root", "0" * 64)}
    assert list(run(sync.sync, DONE | {PathStats: half}).uploads) == [f"{PROFILE}.melda-new"]


def test_another_user(run: Run) -> None:
    commands = run(sync.sync, {DebPackages: NEEDS}, username="ada")
    assert '= "ada" ]' in commands.uploads[f"{PROFILE}.melda-new"].decode()
