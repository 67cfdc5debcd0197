"""tasks/persistence.py: the keeper's programs, and the line that terminals show."""

from __future__ import annotations

from tasks import persistence
from tasks.lib import debian, files
from tasks.lib.apt import InstalledPackages

from .conftest import Run, arguments, in_place

SRC = "/usr/src/melda-jupyter"
PROFILE = "/etc/profile.d/melda-persistence.sh"
PUT = "Install what keeps the user's packages"
NEEDS = set(debian.PACKAGES["persistence"])
PROGRAMS = [entry for entry in files.tree("persistence", SRC, ("keep-plugins",)) if "profile" not in entry.path]
SHOWN = files.Entry(PROFILE, files.source("persistence/profile.sh").replace(b"@USER@", b"melda"))
DONE = {InstalledPackages: NEEDS, files.Paths: in_place([*PROGRAMS, SHOWN])}


def test_fresh(run: Run) -> None:
    commands = run(persistence.persistence)
    assert arguments(*commands["Install what packs archives"]) == ["zstd"]
    assert commands.uploads[f"{PROFILE}.melda-new"].count(b"@") == 0
    assert f"{SRC}/melda_persistence/keeper.py.melda-new" in commands.uploads
    new = f"{SRC}/keep-plugins.melda-new"
    assert commands.modes[new] == "755" and f" && mv -fT {new} {SRC}/keep-plugins" in "".join(commands[PUT])
    assert f"{SRC}/profile.sh.melda-new" not in commands.uploads


def test_already_there(run: Run) -> None:
    assert run(persistence.persistence, DONE) == {}


def test_half_there(run: Run) -> None:
    half = {**DONE[files.Paths], PROFILE: ("file", "666", "root", "root", "0" * 64)}
    assert list(run(persistence.persistence, DONE | {files.Paths: half}).uploads) == [f"{PROFILE}.melda-new"]


def test_another_user_and_place(run: Run) -> None:
    commands = run(persistence.persistence, {InstalledPackages: NEEDS}, src="/opt/melda", username="ada")
    assert '= "ada" ]' in commands.uploads[f"{PROFILE}.melda-new"].decode()
    assert "/opt/melda/melda_persistence/state.py.melda-new" in commands.uploads
