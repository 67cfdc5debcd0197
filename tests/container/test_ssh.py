"""sshd in a container: off without a key; with one, root alone, with that key alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Machines
from .machines import Machine, until


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def login(machine: Machine, key: Path, user: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(
                "ssh",
                "-i",
                str(key),
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "BatchMode=yes",
                "-o",
                "LogLevel=ERROR",
                *options,
            ),
            *(
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                f"{user}@{machine.address}",
                command,
            ),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def ready(machine: Machine) -> None:
    until(lambda: "ready: http" in machine.logs(), "start-jupyter says it is ready")


def test_without_a_key_there_is_no_sshd(image: str, machines: Machines) -> None:
    machine = machines(image)
    ready(machine)
    assert "sshd" not in machine.run("cat /proc/[0-9]*/comm")


def test_root_with_the_key_and_nobody_else(image: str, machines: Machines, key: Path, tmp_path: Path) -> None:
    public = key.with_suffix(".pub").read_text().strip()
    machine = machines(image, ("--env", f"SSH_AUTHORIZED_KEYS={public}"))
    ready(machine)
    done = login(machine, key, "root", "id -un; echo $JUPYTER_WORKDIR; bash -lc 'command -v start-jupyter'")
    assert done.stdout.splitlines() == ["root", "/home/melda/project", "/usr/src/melda-jupyter/start-jupyter"], (
        done.stderr
    )
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    refused = login(machine, stranger, "root", "true")
    assert (refused.returncode, "Permission denied (publickey)" in refused.stderr) == (255, True)
    methods = login(machine, key, "root", "true", "-o", "PreferredAuthentications=password")
    assert "Permission denied (publickey)" in methods.stderr, "a password is not even asked for"


def test_each_container_has_its_own_host_keys(image: str, machines: Machines, key: Path) -> None:
    public = key.with_suffix(".pub").read_text().strip()
    found = set()
    for _ in range(2):
        machine = machines(image, ("--env", f"SSH_AUTHORIZED_KEYS={public}"))
        ready(machine)
        found.add(machine.run("cat /etc/ssh/ssh_host_ed25519_key.pub"))
    assert len(found) == 2
