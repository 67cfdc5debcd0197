"""What each unit does at its start and its end: the container's own steps, each ended by the unit that began it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError, StopRequested, TemporaryFailure
from melda.boot import systemd
from melda.config.environ import Settings


class Supervisor:
    """Notes what is started and stopped."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.answers, self.asked = True, False
        self.services: list[Any] = []

    def is_running(self, _: str) -> bool:
        return True

    def start(self, service: Any) -> None:
        self.done.append("start " + service.name)
        self.services.append(service)
        if service.name == "jupyter":
            self.jupyter_may_go_on = os.read(service.stdin, 10) == b"told\n" and os.read(service.stdin, 10) == b""

    def stop(self, name: str) -> None:
        self.done.append("stop " + name)

    def wait_until(self, condition: Any, _: float) -> bool:
        if self.asked:
            raise StopRequested()
        return self.answers and bool(condition())


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(systemd.set_paths, "plugins", lambda _: systemd.set_paths.Plugins("/project/Python-3.11.2", ""))
    return Supervisor()


def note(monkeypatch: pytest.MonkeyPatch, supervisor: Any, module: Any, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: supervisor.done.append(name))


def test_the_user_of_the_firewall_is_the_notebooks(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(systemd.firewall, "prepare", lambda wanted, uid: f"closed for {uid}")
    assert systemd.UNITS["firewall"].start(settings, None) == f"closed for {settings.layout.user.uid}"  # type: ignore[arg-type]


@pytest.mark.parametrize("hangs", [True, False])
def test_a_mount_that_hangs_is_given_up_before_it_is_unmounted(
    monkeypatch: pytest.MonkeyPatch, supervisor: Any, settings: Settings, hangs: bool
) -> None:
    monkeypatch.setattr(systemd.s3fs, "is_hung", lambda _: hangs)
    note(monkeypatch, supervisor, systemd.s3fs, "kill_mount", "unmount")
    systemd.UNITS["mount"].end(settings, supervisor)
    assert supervisor.done == (["kill_mount", "unmount"] if hangs else ["unmount"])


@pytest.mark.parametrize("kept", [True, False])
def test_plugins_are_restored_or_repaired_and_a_fork_is_installed(
    monkeypatch: pytest.MonkeyPatch, supervisor: Any, settings: Settings, kept: bool
) -> None:
    monkeypatch.setattr(systemd.sync, "start", lambda *_: kept)
    monkeypatch.setattr(systemd.fork_of, "service", lambda *_: SimpleNamespace(name="fork") if kept else None)
    monkeypatch.setattr(systemd.set_paths, "prepare", lambda _, repair: supervisor.done.append(f"repair={repair}"))
    monkeypatch.setattr(systemd.home, "chown_home", lambda *_: supervisor.done.append("chown_home") or 3)
    note(monkeypatch, supervisor, systemd.sync, "flush")
    output = systemd.UNITS["plugins"].start(settings, supervisor)
    where = "the user's packages are being restored" if kept else "there is no bucket"
    assert output == f"{where}, 3 owners changed in {settings.layout.user.home}"
    systemd.UNITS["plugins"].end(settings, supervisor)
    # A fork's installations, and those of another Python's packages, may run what the user has put in place.
    assert supervisor.done == [
        f"repair={not kept}",
        "chown_home",
        *(["start fork"] if kept else []),
        "start upgrade",
        "stop fork",
        "stop upgrade",
        "flush",
    ]


def test_a_home_that_cannot_be_handed_over_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, supervisor: Any, settings: Settings
) -> None:
    def fail(*_: Any) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(systemd.sync, "start", lambda *_: True)
    monkeypatch.setattr(systemd.set_paths, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(systemd.home, "chown_home", fail)
    with pytest.raises(TemporaryFailure, match="^UHOME='.*' cannot be handed to its user: .*Read-only"):
        systemd.UNITS["plugins"].start(settings, supervisor)


def test_jupyter_goes_on_at_once_and_is_ready_when_it_answers(
    monkeypatch: pytest.MonkeyPatch, supervisor: Any, settings: Settings
) -> None:
    kept_in: list[str] = []
    monkeypatch.setattr(systemd.jupyter, "token_file", lambda _, folder: kept_in.append(folder) or ("/x/token", True))  # type: ignore[func-returns-value]
    monkeypatch.setattr(systemd.jupyter, "answers", lambda variables: variables == settings.variables)
    monkeypatch.setattr(systemd.jupyter, "url", lambda *_: "http://127.0.0.1:8888/tree?token=x")
    note(monkeypatch, supervisor, systemd.sync, "record_interrupted")
    said: list[str] = []
    starting = SimpleNamespace(
        go_on=lambda: b"told\n",
        finish=lambda: said.append("answers"),
        stop=lambda runs: said.append(f"stopped {runs}"),
    )
    monkeypatch.setattr(systemd, "Starting", lambda: starting)
    unit = systemd.UNITS["jupyter"]
    assert unit.start(settings, supervisor) == "http://127.0.0.1:8888/tree?token=x"
    assert supervisor.jupyter_may_go_on
    assert kept_in == [systemd.STATE], "a random token is the same after a boot"
    unit.start(settings._replace(token="given"), supervisor)
    assert kept_in[1:] == [systemd.RUN], "one that was given is kept nowhere else"
    assert said == ["answers"] * 2
    supervisor.answers = False
    with pytest.raises(TemporaryFailure, match="^Jupyter did not answer"):
        unit.start(settings, supervisor)
    supervisor.asked = True
    with pytest.raises(StopRequested):
        unit.start(settings, supervisor)
    assert said == ["answers", "answers", "stopped True"], "of one that did not answer the note stays"
    supervisor.done.clear()
    unit.end(settings, supervisor)
    assert supervisor.done == ["record_interrupted", "stop jupyter"], "who is installing is noted while it still runs"


def test_the_version_services_end_is_the_units(supervisor: Any, settings: Settings) -> None:
    assert systemd.UNITS["versions"].start(settings, supervisor) == "started"
    (service,) = supervisor.services
    assert service.critical and service.account == settings.layout.user
    systemd.UNITS["versions"].end(settings, supervisor)
    assert supervisor.done[-1] == "stop " + service.name, "what was started is what is stopped"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``started(error, *arguments, uid)`` -> exit code of a whole command whose unit raises ``error``."""
    for call in ("chdir", "umask"):
        monkeypatch.setattr(systemd.os, call, lambda _: None)
    monkeypatch.setattr(systemd.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(systemd.environ, "load", dict)
    monkeypatch.setattr(systemd, "checked", lambda _: None)
    for module, name in ((systemd.s3fs, "UNMOUNT_SECONDS"), (systemd.sync, "PATIENCE"), (systemd.log, "PREFIX")):
        monkeypatch.setattr(module, name, getattr(module, name))  # so that it is set back
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())

    def command(error: Exception | None, *arguments: str, uid: int = 0) -> int:
        def begin(*_: Any) -> str:
            assert "NOTIFY_SOCKET" not in os.environ, "a kernel would take itself for a unit"
            if error:
                raise error
            return "begun"

        monkeypatch.setattr(systemd.os, "geteuid", lambda: uid)
        monkeypatch.setattr(systemd.capabilities, "NEEDED", {})
        monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
        monkeypatch.setattr("sys.argv", ["melda-unit", *arguments])
        monkeypatch.setitem(systemd.UNITS, "mount", systemd.Unit(begin, lambda *_: None, lambda _: False))
        return systemd.main()

    yield command
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, 0, "begun"),
        (ConfigError("invalid JUPYTER_TOKEN"), systemd.EXIT_CONFIG, "invalid JUPYTER_TOKEN"),
        (TemporaryFailure("s3fs ended"), systemd.EXIT_RETRY, "s3fs ended"),
        (OSError(28, "No space left on device"), systemd.EXIT_RETRY, "[Errno 28] No space left on device"),
    ],
)
def test_only_what_a_person_must_mend_is_not_tried_again(
    started: Any, capsys: pytest.CaptureFixture[str], error: Exception | None, code: int, said: str
) -> None:
    assert started(error, "mount") == code
    assert capsys.readouterr().err == said + "\n"


def test_only_root_may_start_one(started: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert started(None, "mount", uid=1000) == systemd.EXIT_CONFIG
    assert capsys.readouterr().err.startswith("it must start as root, not as user 1000")
