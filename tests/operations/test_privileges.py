"""tasks/privileges.py: rights are taken from what is not listed, where nobody else needs them."""

from __future__ import annotations

import subprocess

import pytest

from tasks import privileges
from tasks.facts.files import SetuidFiles

from .conftest import Run

TAKE = "Take setuid and setgid from programs that need neither"
HELPER = "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (["/usr/bin/su", HELPER, "/usr/bin/passwd"], {TAKE: ["chmod ug-s,o-w /usr/bin/su /usr/bin/passwd"]}),
        (["/tmp", "/var/tmp"], {TAKE: ["chmod ug-s,o-w /var/tmp"]}),
        (["/usr/local/bin/a b; reboot"], {TAKE: ["chmod ug-s,o-w '/usr/local/bin/a b; reboot'"]}),
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


def test_the_question_on_a_real_file_system() -> None:
    """This machine has its own, or systemd runs and nothing is asked; either way it is an answer."""
    fact = SetuidFiles()
    done = subprocess.run(["sh", "-c", fact.command("/srv/a home")], capture_output=True, text=True, check=True)
    assert all(path.startswith("/") for path in fact.process(done.stdout.splitlines()))
