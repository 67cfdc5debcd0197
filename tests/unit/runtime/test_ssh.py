"""sshd: only with a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda_runtime import ssh
from melda_runtime.environment import Settings
from melda_runtime.errors import Refused


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with sshd and without any key."""
    (tmp_path / "sshd").write_text("")
    monkeypatch.setattr(ssh, "SSHD", str(tmp_path / "sshd"))
    monkeypatch.setattr(ssh, "PRIVILEGE_SEPARATION", str(tmp_path / "run-sshd"))
    monkeypatch.setattr(ssh, "BUILT_IN", str(tmp_path / "built-in"))
    return tmp_path


def test_no_key_no_sshd(settings: Settings, machine: Path) -> None:
    assert ssh.service(settings, str(machine / "run")) is None
    (machine / "built-in").write_text("# BEGIN melda-jupyter\n# END melda-jupyter\n")
    assert ssh.service(settings, str(machine / "run")) is None
    assert not (machine / "run").exists()


def test_a_built_in_key_is_enough(settings: Settings, machine: Path) -> None:
    (machine / "built-in").write_text("ssh-ed25519 AAAA\n")
    assert ssh.service(settings, str(machine / "run")) is not None


def test_given_keys_come_beside_the_built_in_one(settings: Settings, machine: Path) -> None:
    service = ssh.service(settings._replace(ssh_keys=("k 1", "k 2")), str(machine / "run"))
    assert service is not None
    added = machine / "run" / "authorized_keys"
    assert added.read_text() == "k 1\nk 2\n"
    assert added.stat().st_mode & 0o777 == 0o600
    assert service.argv[-1] == f"AuthorizedKeysFile={machine}/built-in {added}"


def test_keys_without_sshd_are_refused(settings: Settings, machine: Path) -> None:
    (machine / "sshd").unlink()
    with pytest.raises(Refused, match="^SSH_AUTHORIZED_KEYS is set"):
        ssh.service(settings._replace(ssh_keys=("k",)), str(machine / "run"))
