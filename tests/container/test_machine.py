"""A machine over ssh: a container with sshd plays it here; no systemd runs in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machines import Machine, provision, until, unverified

# Ubuntu's sudo is sudo-rs from 25.10 on, and only that: trixie has it as a package.
SUDOERS = (
    r"Defaults use_pty\nDefaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n"
    r"root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
)
SUDO_RS = pytest.param("sudo-rs", marks=pytest.mark.full)


@pytest.fixture(scope="module", params=["sudo", SUDO_RS])
def server(docker: str, bases: dict[str, str], public_key: str, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Debian with an sshd, its administrator's key, and an administrator who uses one of the programs called sudo."""
    sudo = request.param
    # The newest release: the other tests provision bookworm.
    machine = Machine(docker, bases["trixie"], command=("tail", "-f", "/dev/null"))
    try:
        machine.run(f"apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server {sudo}")
        if sudo == "sudo-rs":
            machine.run('ln -s "$(command -v sudo-rs)" /usr/bin/sudo && sudo --version 2>&1 | grep -F sudo-rs')
            # Ubuntu comes with this file; Debian's sudo-rs does not, and refuses to run without it.
            machine.run(f"printf '{SUDOERS}' > /etc/sudoers && chmod 440 /etc/sudoers")
        machine.run("useradd --uid 2000 --create-home --shell /bin/bash admin")
        machine.run("echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin")
        for user, home in (("root", "/root"), ("admin", "/home/admin")):
            machine.run(f"install -d -m 700 -o {user} {home}/.ssh && echo '{public_key}' > {home}/.ssh/authorized_keys")
            machine.run(f"chown {user} {home}/.ssh/authorized_keys")
        machine.run("mkdir -p /run/sshd && /usr/sbin/sshd")
        until(lambda: "sshd" in machine.run("cat /proc/[0-9]*/comm"), "sshd runs")
        yield machine
    finally:
        machine.remove()


def test_provisioned_over_ssh_and_again_without_a_change(
    docker: str, server: Machine, key: Path, tmp_path: Path
) -> None:
    """By an administrator, who uses sudo, again by the same one, and by root."""
    options = {
        "packages": "none",
        "ssh_key": key,
        "ssh_strict_host_key_checking": "off",
        "ssh_known_hosts_file": tmp_path / "known",
    }
    host_keys = server.run("sha256sum /etc/ssh/ssh_host_*")
    for number, user in enumerate(("admin", "admin", "root")):
        hosts = {"MELDA_HOSTS": f"{user}@{server.address}"}
        done = provision(docker, "inventory.py", environment=hosts, **options)
        assert (done.code, bool(done.changed)) == (0, number == 0), done.output
    assert unverified(server) < 20, "a run reads all files of the environment again"
    assert server.run("sha256sum /etc/ssh/ssh_host_*") == host_keys, "a machine's own identity stays"
    assert key.with_suffix(".pub").read_text().strip() in server.run("cat /root/.ssh/authorized_keys")
    assert server.run("getent passwd melda").startswith("melda:x:1001:1001:")


def test_a_login_sees_the_variables_of_the_contract(server: Machine, key: Path) -> None:
    done = subprocess.run(
        [
            *("ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "LogLevel=ERROR", f"root@{server.address}"),
            "echo $username $JUPYTER_WORKDIR $SRC; command -v jupyter; bash -lc 'command -v jupyter'",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "melda /home/melda/project /usr/src/melda-jupyter",
        "/opt/jupyter/bin/jupyter",
        "/opt/jupyter/bin/jupyter",
    ]
