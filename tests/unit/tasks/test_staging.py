"""tasks/lib/staging.py: what travels to a target can be read by nobody else on the way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

from tasks.lib import staging


def uploaded(tmp_path: Path, connector: Any, works: bool = True, **arguments: Any) -> tuple[list[int], dict[str, Any]]:
    """Modes that the file has when SFTP comes to write it, and the arguments of the command that makes it."""
    command = staging.upload(b"secret", "/root/x")
    there = tmp_path / "upload"
    command.remote_temp_filename = str(there)
    modes: list[int] = []
    asked: dict[str, Any] = {}

    def run_shell_command(text: StringCommand, **given: Any) -> tuple[bool, None]:
        asked.update(given, command=text.get_raw_value())
        subprocess.run(["sh", "-c", f"umask 022 && {text.get_raw_value()}"], check=True)
        return works, None

    def put_file(*_: Any, **__: Any) -> bool:
        before = there.exists()
        with there.open("wb") as file:  # as SFTP does
            file.write(b"secret")
        modes.append(there.stat().st_mode & 0o777 if before else 0o644)
        return True

    made = connector.__new__(connector)
    host: Any = SimpleNamespace(connector=made, run_shell_command=run_shell_command, put_file=put_file)
    state: Any = SimpleNamespace(print_output=False, print_input=False)
    execute: Any = command.execute
    assert execute(state, host, arguments) is works
    return modes, asked


@pytest.mark.parametrize("how", [{"_sudo": True}, {"_su_user": "root"}, {"_doas": True}])
def test_over_ssh_with_sudo_the_temporary_file_is_the_logins_alone(tmp_path: Path, how: dict[str, Any]) -> None:
    modes, asked = uploaded(tmp_path, SSHConnector, **how)
    assert modes == [0o600]
    assert not set(asked) & set(how), "the login makes it, not root: SFTP is the login's"


@pytest.mark.parametrize(("connector", "sudo"), [(SSHConnector, False), (LocalConnector, True)])
def test_where_there_is_none_none_is_made(tmp_path: Path, connector: type, sudo: bool) -> None:
    assert uploaded(tmp_path, connector, _sudo=sudo)[1] == {}


def test_nothing_travels_where_it_cannot_be_made(tmp_path: Path) -> None:
    assert uploaded(tmp_path, SSHConnector, works=False, _sudo=True)[0] == []
