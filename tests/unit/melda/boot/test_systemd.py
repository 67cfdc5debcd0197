"""melda-unit: what it refuses, what it tells systemd, and that a stop always ends what a start began."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError, StopRequested, TemporaryFailure

ROOT = Path(__file__).resolve().parents[4]
ANY: Any = SimpleNamespace(bucket=None)


@pytest.fixture(autouse=True)
def _signals() -> Any:
    """A supervisor blocks signals for good."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs as they lie on a host."""
    folder = tmp_path_factory.mktemp("src")
    shutil.copytree(ROOT / "files" / "runtime" / "src", folder, dirs_exist_ok=True, symlinks=True)
    return folder


def command(src: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-IBS", str(src / "melda-unit"), *arguments]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("arguments", [(), ("sshd",), ("mount", "jupyter"), ("mo\nunt",)])
def test_refuses_another_name_with_one_line(src: Path, arguments: tuple[str, ...]) -> None:
    done = command(src, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.endswith(": expected one of firewall, jupyter, mount, plugins, versions\n")


@pytest.mark.skipif(os.getuid() != 0, reason="as anybody else it refuses that first")
def test_a_setting_that_is_not_right_is_one_line_and_systemd_does_not_try_again(src: Path) -> None:
    for name in ("firewall", "mount", "plugins", "versions", "jupyter"):
        done = command(src, name, BUCKET_NAME="Not A Bucket", AWS_SECRET_ACCESS_KEY="hush-hush")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "invalid " in done.stderr and "hush-hush" not in done.stderr


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("SSH_AUTHORIZED_KEYS", {"ssh_keys": ("ssh-ed25519 AAAA",)}),
        ("IDLE_SECONDS", {"idle": 60}),
        ("STOP_SECONDS", {"stop_seconds": 60}),
        ("DATA_BUCKET", {"data": object()}),
        ("GIT_REPOSITORY", {"repository": "https://example.org/x.git"}),
    ],
)
def test_what_only_a_container_does_is_refused_not_ignored(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: dict[str, object]
) -> None:
    from melda.boot import systemd

    nothing: dict[str, object] = {"ssh_keys": (), "idle": None, "data": None, "repository": "", "stop_seconds": 10}
    monkeypatch.setattr(systemd.environ, "settings", lambda _: SimpleNamespace(**nothing | asked))
    with pytest.raises(ConfigError, match=f"^invalid {name} on a host"):
        systemd.checked({})


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    from melda.boot import systemd

    name = f"melda-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if abstract else name)
        systemd.notify("@" + name if abstract else name, "READY=1")
        assert listener.recv(100) == b"READY=1"
    systemd.notify("", "READY=1")


@pytest.mark.parametrize(
    ("raised", "code"), [(None, 0), (StopRequested(), 0), (ConfigError("x"), None), (TemporaryFailure("x"), None)]
)
def test_whatever_comes_of_the_start_the_end_is_done_once(raised: Exception | None, code: int | None) -> None:
    from melda.boot import systemd

    done: list[str] = []

    def begin(_: Any, __: Any) -> str:
        done.append("start")
        if raised:
            raise raised
        return "well"

    unit = systemd.Unit(begin, lambda _, __: done.append("end"), lambda _: False)
    if code is None:
        with pytest.raises(ConfigError):
            systemd.run(unit, "", ANY)
    else:
        assert systemd.run(unit, "", ANY) == code
    assert done == ["start", "end"]


def test_a_bad_exit_code_of_a_service_is_never_taken_for_a_bad_setting() -> None:
    """In a Python of its own: a thread that another test left here would take the signal that the supervisor waits for."""
    code = """if True:
        import os, sys
        sys.path[:0] = sys.argv[1:]
        from types import SimpleNamespace
        from melda.base import users
        from melda.base.service import Service
        from melda.boot import systemd

        me = users.ROOT._replace(uid=os.getuid(), gid=os.getgid())
        service = Service("x", ("/bin/sh", "-c", "exit 2"), me, {}, critical=True)
        unit = systemd.Unit(lambda _, supervisor: supervisor.start(service) or "", lambda _, __: None)
        print(systemd.run(unit, "", SimpleNamespace(bucket=None)))
    """
    folders = [str(ROOT / "files" / "runtime" / "src")]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "1\n"


def test_only_a_bucket_keeps_the_mounts_process() -> None:
    from melda.boot import systemd

    assert not systemd.UNITS["mount"].stays(ANY) and systemd.UNITS["mount"].stays(SimpleNamespace(bucket="x"))  # type: ignore[arg-type]
    assert not systemd.UNITS["firewall"].stays(ANY) and systemd.UNITS["jupyter"].stays(ANY)
