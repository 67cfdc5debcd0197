"""sshd: only with a key, with a host key of its own, and with a configuration it takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.base.service import Service
from melda.config.environ import Settings
from melda.ssh import service as ssh

KEY = "ssh-ed25519 AAAA"


class Starts:
    """A supervisor that only remembers."""

    def __init__(self) -> None:
        self.services: list[Service] = []

    def start(self, service: Service) -> None:
        self.services.append(service)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without any key, with an sshd that takes every configuration."""
    program(tmp_path, "exit 0")
    monkeypatch.setattr(ssh, "SSHD", str(tmp_path / "sshd"))
    monkeypatch.setattr(ssh.capabilities, "has", lambda _: True)
    monkeypatch.setattr(ssh, "PRIVILEGE_SEPARATION", str(tmp_path / "run-sshd"))
    monkeypatch.setattr(ssh, "BUILT_IN", str(tmp_path / "built-in"))
    return tmp_path


def program(machine: Path, script: str) -> None:
    (machine / "sshd").write_text(f"#!/bin/sh\n{script}\n")
    (machine / "sshd").chmod(0o755)


def test_no_key_no_sshd(settings: Settings, machine: Path) -> None:
    assert ssh.service(settings, str(machine / "run")) is None
    (machine / "built-in").write_text("# BEGIN melda-jupyter\n# END melda-jupyter\n")
    assert ssh.start(settings, Starts(), str(machine / "run")) == "off, there is no authorized key"  # type: ignore[arg-type]
    assert not (machine / "run").exists()


def test_without_a_capability_nobody_would_get_in(
    settings: Settings, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --cap-drop ALL it was said to be started, and each login was "Connection reset"."""
    monkeypatch.setattr(ssh.capabilities, "has", lambda _: False)
    assert ssh.service(settings, str(machine / "run")) is None
    (machine / "built-in").write_text(KEY + "\n")
    with pytest.raises(ConfigError, match="^ssh cannot be started: sshd needs the capability SYS_CHROOT"):
        ssh.service(settings, str(machine / "run"))


def test_a_built_in_key_is_enough(settings: Settings, machine: Path) -> None:
    (machine / "built-in").write_text(KEY + "\n")
    assert ssh.service(settings, str(machine / "run")) is not None


def test_given_keys_come_beside_the_built_in_one(settings: Settings, machine: Path) -> None:
    service = ssh.service(settings._replace(ssh_keys=("k 1", "k 2")), str(machine / "run"))
    assert service is not None
    added = machine / "run" / "authorized_keys"
    assert added.read_text() == "k 1\nk 2\n"
    assert added.stat().st_mode & 0o777 == 0o600
    config = machine / "run" / "sshd.conf"
    assert service.argv[-2:] == ("-f", str(config))
    assert f"AuthorizedKeysFile {machine}/built-in {added}\n" in config.read_text()
    alone = ssh.service(settings._replace(ssh_keys=("k 1",), variables={"IPV6": "off"}), str(machine / "run"))
    assert alone is not None and alone.argv[-1] == "-4"


def test_no_file_of_the_image_lets_in_passwords() -> None:
    """Somebody's 00-site.conf comes before ours there; the first value counts."""
    lines = ssh.configuration("/k", "/a", ()).splitlines()
    assert set(lines[: lines.index("Include /etc/ssh/sshd_config")]) >= {
        "PasswordAuthentication no", "ChallengeResponseAuthentication no", "PermitRootLogin prohibit-password",
    }  # fmt: skip


def test_only_what_this_sshd_knows_is_asked_of_it() -> None:
    text = ssh.configuration("/k", "/a", ("mlkem768x25519-sha256", "sntrup761x25519-sha512"))
    assert "KexAlgorithms mlkem768x25519-sha256,sntrup761x25519-sha512\n" in text
    assert "KexAlgorithms" not in ssh.configuration("/k", "/a", ())
    assert text.endswith("Include /etc/ssh/sshd_config\n"), "the first value counts"
    text = ssh.configuration("/k", "/a", (), "SetEnv A=1")
    assert text.endswith("Include /etc/ssh/sshd_config\nSetEnv A=1\n"), "the image's own counts"


def test_commands_over_ssh_start_no_more_threads_than_notebooks(settings: Settings, machine: Path) -> None:
    bound = settings._replace(ssh_keys=(KEY,), variables={**settings.variables, "OMP_NUM_THREADS": "2"})
    assert ssh.service(bound, str(machine / "run")) is not None
    assert (machine / "run" / "sshd.conf").read_text().endswith("\nSetEnv OMP_NUM_THREADS=2\n")


def test_the_host_key_is_made_once_and_its_fingerprint_said(settings: Settings, machine: Path) -> None:
    run, starts, chosen = str(machine / "run"), Starts(), settings._replace(ssh_keys=(KEY,))
    output = ssh.start(chosen, starts, run)  # type: ignore[arg-type]
    key = Path(ssh.host_key_path(run))
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], capture_output=True, text=True, check=True).stdout
    assert shown.split()[1] == output.split()[-1]
    assert [service.name for service in starts.services] == ["sshd"]
    assert key.stat().st_mode & 0o777 == 0o600
    assert ssh.start(chosen, starts, run) == output, "again after a restart"  # type: ignore[arg-type]
    key.with_suffix(".pub").write_text("")
    assert ssh.start(chosen, starts, run) != output, "half a key is none"  # type: ignore[arg-type]


def test_a_committed_image_does_not_hand_its_identity_on(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ssh.host_key_path(str(machine))
    monkeypatch.setattr(ssh.socket, "gethostname", lambda: "another")
    assert ssh.host_key_path(str(machine)) != here


def test_a_configuration_sshd_does_not_take_is_not_put_in_place(settings: Settings, machine: Path) -> None:
    chosen, run = settings._replace(ssh_keys=(KEY,)), machine / "run"
    ssh.service(chosen, str(run))
    before = (run / "sshd.conf").read_text()
    program(machine, "echo 'Bad configuration option: Nonsense' >&2; exit 255")
    with pytest.raises(ConfigError, match=r"^ssh cannot be started: .*sshd: Bad configuration option: Nonsense$"):
        ssh.service(chosen._replace(ssh_keys=("k 3",)), str(run))
    assert (run / "sshd.conf").read_text() == before


def test_its_programs_see_none_of_the_containers_secrets(
    settings: Settings, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    program(machine, f"env > {machine}/seen")
    ssh.service(settings._replace(ssh_keys=(KEY,)), str(machine / "run"))
    assert "canary" not in (machine / "seen").read_text()


def test_keys_without_sshd_are_refused(settings: Settings, machine: Path) -> None:
    (machine / "sshd").unlink()
    with pytest.raises(ConfigError, match="^SSH_AUTHORIZED_KEYS is set"):
        ssh.service(settings._replace(ssh_keys=("k",)), str(machine / "run"))
