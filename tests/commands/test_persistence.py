"""tasks/persistence.py: what packs archives, and the line that terminals show."""

from __future__ import annotations

from tasks import persistence
from tasks.lib import debian, files
from tasks.lib.apt import InstalledPackages

from .conftest import Run, arguments, in_place

PROFILE = "/etc/profile.d/melda-persistence.sh"
NEEDS = set(debian.PACKAGES["persistence"])
SHOWN = files.Entry(PROFILE, files.source("persistence/profile.sh").replace(b"@USER@", b"melda"))
DONE = {InstalledPackages: NEEDS, files.Paths: in_place([SHOWN])}


def test_fresh(run: Run) -> None:
    commands = run(persistence.persistence)
    assert arguments(*commands["Install what packs archives"]) == ["zstd"]
    assert commands.uploads[f"{PROFILE}.melda-new"].count(b"@") == 0


def test_already_there(run: Run) -> None:
    assert run(persistence.persistence, DONE) == {}


def test_half_there(run: Run) -> None:
    half = {**DONE[files.Paths], PROFILE: ("file", "666", "root", "root", "0" * 64)}
    assert list(run(persistence.persistence, DONE | {files.Paths: half}).uploads) == [f"{PROFILE}.melda-new"]


def test_another_user(run: Run) -> None:
    commands = run(persistence.persistence, {InstalledPackages: NEEDS}, username="ada")
    assert '= "ada" ]' in commands.uploads[f"{PROFILE}.melda-new"].decode()
