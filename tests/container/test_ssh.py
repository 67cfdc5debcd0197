"""sshd in a container: off without a key (test_tools.py); with one, root alone, with that key alone, and as docs/ssh.md says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.lib import sshd

from .machines import ROOT, Machine, until
from .services import Service

CONFIG = "/run/melda-jupyter/sshd.conf"
AUDIT = str(Path(sys.executable).parent / "ssh-audit")


@pytest.fixture(scope="module")
def service(docker: str, image: str, public_key: str) -> Iterator[Service]:
    """A container that has the key, where melda too has put it in place."""
    running = Service(docker, image, SSH_AUTHORIZED_KEYS=public_key)
    try:
        running.ready()
        running.run(f"mkdir -m 700 ~/.ssh && echo '{public_key}' > ~/.ssh/authorized_keys", user="melda")
        yield running
    finally:
        running.remove()


def login(machine: Machine, key: Path, user: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    fixed = (
        "IdentitiesOnly=yes", "BatchMode=yes", "LogLevel=ERROR",
        "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
    )  # fmt: skip
    return subprocess.run(
        ["ssh", "-i", str(key), *(part for option in fixed for part in ("-o", option)), *options,
         f"{user}@{machine.address}", command],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def fingerprint(service: Service) -> str:
    """What the log said last."""
    return [line for line in service.lines() if line.startswith("ssh: ")][-1].split(" is ")[1].split()[0]


def test_root_with_the_key(service: Service, key: Path) -> None:
    done = login(service, key, "root", "id -un; echo $JUPYTER_WORKDIR; bash -lc 'command -v start-jupyter'")
    assert done.stdout.splitlines() == ["root", "/home/melda/project", "/usr/src/melda-jupyter/start-jupyter"], (
        done.stderr
    )


def test_nobody_else_and_in_no_other_way(service: Service, key: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    for refused in (
        login(service, stranger, "root", "true"),
        login(service, key, "melda", "true"),
        login(service, key, "root", "true", "-o", "PreferredAuthentications=password,keyboard-interactive"),
    ):
        assert (refused.returncode, "Permission denied (publickey)" in refused.stderr) == (255, True), refused
    forward = login(
        service, key, "root", "cat", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:22"
    )
    assert forward.returncode == 255 and "forwarding failed" in forward.stderr, forward


def test_who_has_logged_in_is_connected_and_who_has_said_a_name_is_not(
    service: Service, key: Path, tmp_path: Path
) -> None:
    """Strangers kept a container from being idle, and a program of somebody's by ssh did not."""
    path = "import sys; sys.path.insert(0, '/usr/src/melda-jupyter')"
    count = f'python3 -I -c "{path}; from melda.base import procfs; print(procfs.connections())"'
    assert login(service, key, "root", count).stdout == "1\n"
    # It asks for its passphrase once the server knows whom it wants to be.
    locked, asked, over = tmp_path / "locked", tmp_path / "ask", tmp_path / "over"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "secret", "-f", str(locked)], check=True)
    locked.with_suffix(".pub").unlink()
    asked.write_text(f"#!/bin/sh\nwhile [ ! -e {over} ]; do sleep 0.1; done\n")
    asked.chmod(0o755)
    options = ("-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    with subprocess.Popen(
        ["ssh", "-i", str(locked), *options, f"root@{service.address}", "true"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"},
    ):  # fmt: skip
        try:
            until(lambda: "root [priv]" in service.run("cat /proc/[0-9]*/cmdline"), "it has said its name", 20)
            assert service.run(count) == "0\n"
        finally:
            over.touch()


def test_the_log_says_which_host_key_to_expect_and_who_came(service: Service, key: Path, tmp_path: Path) -> None:
    scanned = tmp_path / "scanned"
    scanned.write_text(
        subprocess.run(["ssh-keyscan", service.address], capture_output=True, text=True, check=True).stdout
    )
    offered = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(scanned)], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in offered.splitlines()] == [fingerprint(service)]
    assert login(service, key, "root", "true").returncode == 0
    mine = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key)], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    service.says(f"Accepted publickey for root from {service.inspect('{{.NetworkSettings.Gateway}}')}")
    assert mine in service.logs()


def test_as_ssh_audit_would_have_it(service: Service) -> None:
    done = subprocess.run([AUDIT, "--json", service.address], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, "it fails or warns: " + json.dumps(json.loads(done.stdout)["recommendations"])
    notes = [
        (section["algorithm"], kind, text)
        for found in ("kex", "key", "enc", "mac")
        for section in json.loads(done.stdout)[found]
        for kind in ("fail", "warn")
        for text in section["notes"].get(kind, [])
    ]
    assert notes == []


def baseline() -> list[tuple[str, str]]:
    """Control and what the running sshd must say, from the table of docs/ssh.md."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (ROOT / "docs" / "ssh.md").read_text().splitlines()
        if line.startswith("| sshd-")
    ]
    return [(row[0], row[1].strip("`")) for row in rows if row[1].startswith("`")]


def test_the_baseline_is_met_as_the_docs_say(service: Service) -> None:
    output = service.run(f"/usr/sbin/sshd -T -f {CONFIG} -C user=root").splitlines()
    assert len(baseline()) > 30
    assert [(control, wanted) for control, wanted in baseline() if wanted not in output] == []
    modes = service.run("stat -c '%U:%G %a' /etc/ssh /etc/ssh/sshd_config " + CONFIG).splitlines()
    assert modes == ["root:root 755", "root:root 600", "root:root 600"]
    with socket.create_connection((service.address, 22), 10) as connection:
        assert re.fullmatch(rb"SSH-2\.0-OpenSSH_[\d.p]+\r\n", connection.recv(99)), "nothing of the distribution"
    running = service.run("ps -C sshd -o args=")
    assert re.search(rf"/usr/sbin/sshd -D -e -f {CONFIG}( |$)", running), running


def test_settings_before_ours_are_told(service: Service) -> None:
    """With one file more a host's sshd takes passwords, and the deploy says so; tests/unit/tasks/test_sshd.py has other cases."""
    site, key = f"{sshd.FOLDER}/00-site.conf", "/run/melda-jupyter/ssh_host_ed25519_key-$(hostname)"
    assert service.run(sshd.problem()) == ""
    service.run(f"echo PasswordAuthentication yes >{site}")
    try:
        for config, answer in ((sshd.CONFIG, "yes"), (CONFIG, "no")):
            effective = f"/usr/sbin/sshd -T -f {config} -h {key} | grep ^passwordauthentication"
            assert service.run(effective) == f"passwordauthentication {answer}\n", "a container's takes none even so"
        assert service.run(sshd.problem()).startswith(f"{site} lets in who has no key")
    finally:
        service.run(f"rm {site}")


def test_the_host_key_stays_and_is_no_others(service: Service, docker: str, public_key: str) -> None:
    """Nor that of a container whose image was committed from this one."""
    before = fingerprint(service)
    subprocess.run([docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    service.ready(times=2)
    assert fingerprint(service) == before
    image = f"{service.name}-committed"
    subprocess.run([docker, "commit", service.name, image], check=True, stdout=subprocess.DEVNULL)
    committed = Service(docker, image, SSH_AUTHORIZED_KEYS=public_key)
    try:
        until(lambda: "start-jupyter: ssh: " in committed.logs(), "sshd is started")
        assert fingerprint(committed) != before
    finally:
        committed.remove()
        subprocess.run([docker, "image", "rm", image], check=True, stdout=subprocess.DEVNULL)


def test_what_is_no_key_stops_the_start(serve: Callable[..., Service], public_key: str) -> None:
    cut = public_key.split()[1][:-4]
    code, lines = serve(SSH_AUTHORIZED_KEYS=f"ssh-ed25519 {cut} ada").ended()
    assert (code, len(lines)) == (1, 1), lines
    said = r"invalid SSH_AUTHORIZED_KEYS: expected a public key in each line: line 1, 'ssh-ed25519 [^']*', is no public key"
    assert re.fullmatch(said, lines[0])
