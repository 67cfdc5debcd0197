"""Doing things as the user, in time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from melda.base import users

ME = users.Account("me", os.getuid(), os.getgid(), (os.getgid(),), "/", "/bin/sh")
NOBODY = users.Account("nobody", 65534, 65534, (65534,), "/", "/bin/sh")


def fails() -> None:
    raise PermissionError(13, "Permission denied", "/etc/shadow")


def test_what_went_wrong_is_reported() -> None:
    with pytest.raises(OSError, match="Permission denied: '/etc/shadow'"):
        users.run_as(ME, fails, 5)


def test_any_failure_is_reported() -> None:
    with pytest.raises(OSError, match="by zero"):
        users.run_as(ME, lambda: [][1 // 0], 5)


def test_it_happens_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    users.run_as(ME, lambda: path.write_text(str(os.getpid())), 5)
    assert path.read_text() != str(os.getpid())


def test_what_hangs_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        users.run_as(ME, lambda: time.sleep(60), 0.1)
    assert time.monotonic() - began < 5


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_the_child_is_the_user_and_nothing_more(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == 0 and "pytest" in str(folder):
            folder.chmod(0o711)
    path = tmp_path / "who"
    users.run_as(
        NOBODY,
        lambda: path.write_text(f"{os.getresuid()} {os.getresgid()} {os.getgroups()}"),
        5,
    )
    assert path.read_text() == "(65534, 65534, 65534) (65534, 65534, 65534) [65534]"
    with pytest.raises(OSError, match="Permission denied"):
        users.run_as(NOBODY, lambda: Path("/etc/shadow").read_text(), 5)


def test_a_child_that_is_the_users_cannot_be_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins as a copy of PID 1, and nothing is executed in it: what hides it must not depend on the host."""

    def hide() -> None:
        raise OSError("hidden")

    monkeypatch.setattr(users, "hide", hide)
    monkeypatch.setattr(users, "drop_privileges", lambda _: None)
    with pytest.raises(OSError, match="hidden"):
        users.run_as(NOBODY, lambda: None, 5)
    users.run_as(users.ROOT, lambda: None, 5)
