"""tasks/privileges.py: rights are taken from what is not listed, where nobody else needs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tasks import privileges
from tasks.facts import files
from tasks.facts.files import SetuidFiles, UsersFiles

from .conftest import Run

TAKE = "Take setuid and setgid from programs that need neither"
HELPER = "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (["/usr/bin/su", HELPER, "/usr/bin/passwd"], {TAKE: ["chmod ug-s,o-w /usr/bin/su /usr/bin/passwd"]}),
        (["/tmp", "/var/tmp"], {TAKE: ["chmod ug-s,o-w /var/tmp"]}),
        (["/usr/local/bin/a b; reboot"], {TAKE: ["chmod ug-s,o-w '/usr/local/bin/a b; reboot'"]}),
        (
            ["/etc/passwd", "/etc/shadow"],
            {TAKE: ["chmod ug-s,o-w /etc/passwd /etc/shadow", "chmod o= /etc/shadow"]},
        ),
        ([HELPER, "/tmp"], {}),
        ([], {}),
    ],
)
def test_what_is_not_listed_loses_them(run: Run, found: list[str], commands: dict[str, list[str]]) -> None:
    assert run(privileges.privileges, {SetuidFiles: found}) == commands


def test_nothing_is_looked_for_where_the_user_may_rename() -> None:
    """What is found by its path is changed by its path, later."""
    left_out = SetuidFiles().command("/srv/a home")
    assert "-path '/srv/a home'" in left_out and "-path /run" in left_out and "-path /home" in left_out


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (["/etc/R", "/usr/local/bin/a b"], ["chown -h root:root /etc/R '/usr/local/bin/a b'"]),
        ([], []),
    ],
)
def test_what_is_the_users_outside_of_the_home_is_given_back(run: Run, found: list[str], commands: list[str]) -> None:
    ran = run(privileges.privileges, {UsersFiles: found})
    assert ran.get("Give root what is the user's in the system's folders", []) == commands


def test_what_the_user_has_on_a_real_file_system() -> None:
    """Not in the home, nor where people's files may be; /proc and its like are not looked through."""
    command = UsersFiles().command("/srv/a home", 1001, [])
    assert "-path '/srv/a home'" in command and "-path /var/tmp" in command and "-path /proc" in command
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == "" and all(path.startswith("/") for path in UsersFiles().process(done.stdout.splitlines()))


@pytest.mark.skipif(os.geteuid() != 0, reason="files of somebody else's")
def test_what_an_images_author_gave_the_user_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run took a derived image's /workspace away; what root runs, and the folders above it, are root's."""
    theirs = {"etc", "etc/R", "workspace", "workspace/a", "app", "app/melda", "home", "home/x"}
    for name in theirs | {"opt"}:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for name in theirs:
        os.chown(tmp_path / name, 4242, -1)
    monkeypatch.setattr(files, "_SYSTEM", f"{tmp_path}/etc {tmp_path}/opt {tmp_path}/missing*")
    monkeypatch.setattr(files, "_NOT_SEARCHED", ())
    monkeypatch.setattr(files.host_kind, "IS_HOST", "false")
    ours = [f"{tmp_path}/app/melda/src", f"{tmp_path}/home/env"]
    command = UsersFiles().command(f"{tmp_path}/home", 4242, ours)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    found = UsersFiles().process(done.stdout.splitlines())
    assert found == [f"{tmp_path}/{name}" for name in ("app", "app/melda", "etc", "etc/R")]


def test_a_name_with_a_line_end_is_one_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root would take /etc/passwd for the user's."""
    file = tmp_path / "R\n" / "etc" / "passwd"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setattr(files, "_R_LIBRARIES", str(tmp_path))
    monkeypatch.setattr(files.host_kind, "IS_HOST", "false")
    command = UsersFiles().command("/srv/a home", os.getuid() or 4242, [])
    if not os.getuid():
        os.chown(file, 4242, -1)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    found = UsersFiles().process(done.stdout.splitlines())
    assert str(file) in found and "/etc/passwd" not in found


def test_the_question_on_a_real_file_system() -> None:
    """This machine has its own, or systemd runs and nothing is asked; either way it is an answer."""
    fact = SetuidFiles()
    done = subprocess.run(["sh", "-c", fact.command("/srv/a home")], capture_output=True, text=True, check=True)
    assert all(path.startswith("/") for path in fact.process(done.stdout.splitlines()))


@pytest.mark.skipif(os.geteuid() != 0, reason="files of somebody else's")
def test_what_everybody_may_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With /etc/passwd so the user became root, and each run said that nothing was to be done."""
    for name, mode in (("passwd", 0o666), ("shadow", 0o644), ("gshadow", 0o640), ("theirs", 0o666), ("whole", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    os.chown(tmp_path / "theirs", 4242, -1)
    (tmp_path / "link").symlink_to("nowhere")
    monkeypatch.setattr(files.host_kind, "IS_HOST", "false")
    monkeypatch.setattr(files, "SHADOWS", (f"{tmp_path}/shadow", f"{tmp_path}/gshadow"))
    monkeypatch.setattr(files, "_NOT_SEARCHED", ("/nowhere",))
    command = SetuidFiles().command("/srv/a home").replace("find / ", f"find {tmp_path} ")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert SetuidFiles().process(done.stdout.splitlines()) == [f"{tmp_path}/passwd", f"{tmp_path}/shadow"]
