"""In which order a container starts: what must be closed before something listens, and what may not run too early."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.boot import container
from melda.config.environ import Settings


class Supervisor:
    """Notes what is started; timers are the test's to run."""

    def __init__(self, done: list[str]) -> None:
        self._done = done
        self.timers: list[Callable[[], float | None]] = []

    def start(self, service: Any) -> None:
        self._done.append(service.name)
        if service.name == "jupyter":
            self.waits_for = os.dup(service.stdin)
            self.jupyters = service.environment

    def call_later(self, _: float, action: Callable[[], float | None]) -> None:
        self.timers.append(action)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps in their order; each does nothing but that."""
    done: list[str] = []

    def step(module: Any, name: str, mark: str, result: Any) -> None:
        def do(*_: Any, **given: Any) -> Any:
            done.append(mark + "".join(f" {name}={value}" for name, value in given.items()))
            return result

        monkeypatch.setattr(module, name, do)

    folders = SimpleNamespace(python="/project/Python-3.11.2", r="")
    monkeypatch.setattr(container.environ, "for_user", lambda *_: {"PATH": "/project/bin", "PYTHONPATH": "/project"})
    monkeypatch.setattr(container.set_paths, "plugins", lambda _: folders)
    monkeypatch.setattr(container.jupyter, "token_file", lambda _: ("/run/token", True))
    monkeypatch.setattr(
        container.jupyter,
        "service",
        lambda *given: SimpleNamespace(name="jupyter", stdin=given[-1], environment=given[1]),
    )
    monkeypatch.setattr(container.jupyter, "url", lambda *_: "http://127.0.0.1:8888/tree")
    step(container.firewall, "prepare", "firewall", "closed")
    step(container.ssh, "start", "ssh", "off")
    monkeypatch.setattr(container.services, "dbus", lambda _: SimpleNamespace(name="dbus"))
    step(container.s3fs, "prepare", "mount", "local")
    step(container.sync, "start", "sync", True)
    monkeypatch.setattr(container.fork_of, "service", lambda *_: SimpleNamespace(name="fork"))
    step(container.set_paths, "prepare", "paths", ("/project/Python-3.11.2", ""))
    step(container.home, "chown_home", "ownership", 3)
    monkeypatch.setattr(container.services, "version_service", lambda *_: SimpleNamespace(name="version service"))
    return done


@pytest.fixture
def supervisor(done: list[str]) -> Iterator[Any]:
    supervisor = Supervisor(done)
    yield supervisor
    os.close(supervisor.waits_for)


def test_nothing_listens_before_the_firewall_and_nothing_of_the_users_runs_before_the_project(
    done: list[str], supervisor: Any, settings: Settings
) -> None:
    container.start_all(settings, supervisor)
    assert done == [
        "jupyter",  # it loads its code, and waits
        "firewall", "ssh", "dbus", "mount", "sync", "paths repair=False", "ownership",
        "fork", "version service",  # whose programs and modules may be the user's
    ]  # fmt: skip
    assert os.read(supervisor.waits_for, 10) == b"\n", "only now Jupyter goes on"
    assert supervisor.jupyters.pop("PATH").endswith(":" + container.environ.ROOT_PATH), (
        "until then it calls nobody else"
    )
    assert supervisor.jupyters == {"MELDA_LATER_PATH": "/project/bin", "MELDA_LATER_PYTHONPATH": "/project"}


def test_jupyter_does_not_go_on_when_a_step_failed(
    done: list[str], supervisor: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(1, "Operation not permitted", "/home/melda/x")

    monkeypatch.setattr(container.home, "chown_home", refuse)
    with pytest.raises(ConfigError, match="^UHOME='.*' cannot be handed to its user: .*Operation not permitted"):
        container.start_all(settings, supervisor)
    os.set_blocking(supervisor.waits_for, False)
    with pytest.raises(BlockingIOError):
        os.read(supervisor.waits_for, 10)


def test_without_a_bucket_cut_off_installations_are_mended_at_once_and_no_bus_is_said(
    done: list[str],
    supervisor: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(container.sync, "start", lambda *_: False)
    monkeypatch.setattr(container.services, "dbus", lambda _: None)
    monkeypatch.setattr(container.fork_of, "service", lambda *_: None)
    container.start_all(settings, supervisor)
    assert "paths repair=True" in done and not {"dbus", "fork"} & set(done)
    output = capsys.readouterr().err
    assert "dbus: off, it is not installed" in output and "sync: there is no bucket" in output


def test_the_address_is_said_once_jupyter_answers(
    supervisor: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(container.jupyter, "answers", lambda prefix: next(answers))
    container.start_all(settings, supervisor)
    capsys.readouterr()
    (announce,) = supervisor.timers
    assert announce() == container.JUPYTER_SECONDS and capsys.readouterr().err == ""
    assert announce() is None
    assert capsys.readouterr().err.startswith("start-jupyter: ready: http://127.0.0.1:8888/tree (")


@pytest.mark.parametrize(("folder", "code"), [("etc", 1), ("run", 0)])
def test_a_disk_that_is_full_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str, code: int, tmp_path: Path
) -> None:
    def run() -> int:
        if code:
            raise OSError(28, "No space left on device", "/" + folder)
        return 0

    monkeypatch.setattr(container, "run", run)
    monkeypatch.setattr("sys.argv", ["start-jupyter"])
    assert container.main() == code
    output = capsys.readouterr().err
    assert output == ("start-jupyter: [Errno 28] No space left on device: '/etc'\n" if code else "")
