"""tasks/mount.py: s3fs and what it mounts with, and what terminals say of it."""

from __future__ import annotations

import pytest
from pyinfra.facts.deb import DebPackages

from tasks import debian_packages, mount
from tasks.facts.files import FileContents, PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, arguments, in_place

PACKAGES = {"s3fs"}
PROFILE = "/etc/profile.d/melda-mount.sh"
SAID = ManagedFile(PROFILE, managed_files.source("mount/profile.sh").replace(b"@USER@", b"melda"))
GIT = (
    "# BEGIN melda-jupyter template\n"
    "[init]\n"
    "\ttemplateDir = /usr/local/share/melda-jupyter/git-template\n"
    "# END melda-jupyter template\n"
)
TEMPLATE = [
    ManagedFile("/usr/local/share/melda-jupyter", mode="755"),
    *managed_files.tree("mount/git-template", mount.TEMPLATE),
    ManagedFile(f"{mount.TEMPLATE}/hooks", mode="755"),
]
DONE = {
    DebPackages: PACKAGES,
    PathStats: in_place([SAID, *TEMPLATE, ManagedFile(mount.GIT, GIT.encode())]),
    FileContents: GIT,
}


def test_the_table_has_what_this_test_expects() -> None:
    assert set(debian_packages.PACKAGES["mount"]) == PACKAGES


@pytest.mark.parametrize("present", [set(), {"fuse3", "sshfs"}])
def test_only_what_is_missing_is_installed(run: Run, present: set[str]) -> None:
    commands = run(mount.mount, DONE | {DebPackages: present})
    assert list(commands) == ["Install s3fs"]
    assert set(arguments(*commands["Install s3fs"])) == PACKAGES
    assert " --no-remove install " in commands["Install s3fs"][0], "what is in use stays"


def test_already_there(run: Run) -> None:
    assert run(mount.mount, DONE) == {}


def test_a_sites_own_settings_of_git_stay(run: Run) -> None:
    commands = run(mount.mount, DONE | {FileContents: "[user]\n\tname = Ada\n"})
    assert list(commands) == ["Let git begin a repository with it"]
    assert commands.uploads[f"{mount.GIT}.melda-new"].decode() == "[user]\n\tname = Ada\n" + GIT


def test_another_user(run: Run) -> None:
    commands = run(mount.mount, {DebPackages: PACKAGES}, username="ada")
    assert '= "ada" ]' in commands.uploads[f"{PROFILE}.melda-new"].decode()
