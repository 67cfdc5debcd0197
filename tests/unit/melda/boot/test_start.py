"""The plan of a start: what must be closed before something listens, and what may not run too early."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.boot import preload, start
from melda.config.environ import Settings


class Supervisor:
    """Notes what is started; timers are the test's to run."""

    def __init__(self, done: list[str]) -> None:
        self._done = self.done = done
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

    folders = start.set_paths.Plugins("/project/Python-3.11.2", "")
    monkeypatch.setattr(preload.environ, "for_user", lambda *_: {"PATH": "/project/bin", "PYTHONPATH": "/project"})
    monkeypatch.setattr(preload.set_paths, "plugins", lambda _: folders)
    monkeypatch.setattr(start.jupyter, "token_file", lambda _: ("/run/token", True))
    monkeypatch.setattr(
        start.jupyter,
        "service",
        lambda *given: SimpleNamespace(name="jupyter", stdin=given[-1], environment=given[1]),
    )
    monkeypatch.setattr(start.jupyter, "url", lambda *_: "http://127.0.0.1:8888/tree")
    step(start.firewall, "prepare", "firewall", "closed")
    monkeypatch.setattr(start.hooks, "run", lambda folder, *_: done.append(folder.rpartition("/")[2]) or ["none"])
    step(start.logins, "prepare", "logins", None)
    step(start.ssh, "start", "ssh", "off")
    monkeypatch.setattr(start.services, "dbus", lambda _: SimpleNamespace(name="dbus"))
    step(start.project, "prepare", "mount", ("local", True))
    step(start.sync, "start", "sync", True)
    monkeypatch.setattr(start.fork_of, "service", lambda *_: SimpleNamespace(name="fork"))
    step(start.set_paths, "prepare", "paths", ("/project/Python-3.11.2", ""))
    step(start.home, "chown_home", "ownership", 3)
    monkeypatch.setattr(start.services, "version_service", lambda *_: SimpleNamespace(name="version service"))
    return done


class Starting:
    """Root's note of the start."""

    def __init__(self, said: bytes = b"\n") -> None:
        self.said, self.answered = said, False

    def go_on(self) -> bytes:
        return self.said

    def finish(self) -> None:
        self.answered = True


def take(settings: Settings, supervisor: Any, starting: Any) -> None:
    """Start as start-jupyter does."""
    begun = preload.Start(settings, supervisor, starting)
    preload.load_jupyter(begun)
    start.take(begun)


@pytest.fixture
def starting() -> Any:
    return Starting()


@pytest.fixture
def supervisor(done: list[str]) -> Iterator[Any]:
    supervisor = Supervisor(done)
    yield supervisor
    os.close(supervisor.waits_for)


def position(name: str) -> int:
    """Where a named step is in the plan."""
    return [step.name for step in start.STEPS].index(name)


def test_nothing_listens_before_the_firewall() -> None:
    assert not any(step.listens for step in start.STEPS[: position("firewall") + 1])
    assert {step.name for step in start.STEPS if step.listens} == {"ssh", "version service", "jupyter"}


def test_nothing_of_the_users_runs_before_roots_work_on_the_users_files_is_over() -> None:
    assert not any(step.users for step in start.STEPS[: position("ownership") + 1])
    assert all(step.users for step in start.STEPS[position("ownership") + 1 :])


def test_each_step_finds_what_it_needs() -> None:
    assert position("dbus") < position("mount") < position("sync") < position("paths") < position("ownership")
    assert start.STEPS[-1].name == "jupyter"
    assert position("firewall") < position("hooks as root") < position("ssh"), "before anything listens"
    assert position("ownership") < position("hooks as the user") < position("jupyter")


def test_jupyter_goes_on_with_the_users_variables_when_all_else_is_done(
    done: list[str], supervisor: Any, starting: Any, settings: Settings
) -> None:
    take(settings, supervisor, starting)
    assert done[0] == "jupyter", "it takes longest"
    assert done.index("sync") < done.index("paths repair=False") and done[-1] == "version service"
    assert os.read(supervisor.waits_for, 10) == b"\n", "only now Jupyter goes on"
    assert supervisor.jupyters.pop("PATH").endswith(":" + preload.environ.ROOT_PATH), "until then it calls nobody else"
    assert supervisor.jupyters == {"MELDA_LATER_PATH": "/project/bin", "MELDA_LATER_PYTHONPATH": "/project"}


def test_jupyter_does_not_go_on_when_a_step_failed(
    done: list[str], supervisor: Any, starting: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(1, "Operation not permitted", "/home/melda/x")

    monkeypatch.setattr(start.home, "chown_home", refuse)
    with pytest.raises(ConfigError, match="^UHOME='.*' cannot be handed to its user: .*Operation not permitted"):
        take(settings, supervisor, starting)
    os.set_blocking(supervisor.waits_for, False)
    with pytest.raises(BlockingIOError):
        os.read(supervisor.waits_for, 10)


def test_without_a_bucket_cut_off_installations_are_mended_at_once_and_no_bus_is_said(
    done: list[str],
    supervisor: Any,
    starting: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(start.sync, "start", lambda *_: False)
    monkeypatch.setattr(start.services, "dbus", lambda _: None)
    monkeypatch.setattr(start.fork_of, "service", lambda *_: None)
    take(settings, supervisor, starting)
    assert "paths repair=True" in done and not {"dbus", "fork"} & set(done)
    output = capsys.readouterr().err
    assert "dbus: off, it is not installed" in output and "sync: there is no bucket" in output


def test_the_address_is_said_once_jupyter_answers(
    supervisor: Any,
    starting: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(start.jupyter, "answers", lambda _: next(answers))
    take(settings, supervisor, starting)
    capsys.readouterr()
    announce, _ = supervisor.timers  # the other looks after memory
    assert announce() == start.JUPYTER_SECONDS and capsys.readouterr().err == "" and not starting.answered
    assert "upgrade" not in supervisor.done, "the first kernel does not wait for it"
    assert announce() is None and starting.answered
    assert supervisor.done[-1] == "upgrade"
    assert capsys.readouterr().err.startswith("start-jupyter: ready: http://127.0.0.1:8888/tree (")


def test_jupyter_is_told_of_a_last_start_that_failed(supervisor: Any, settings: Settings) -> None:
    take(settings, supervisor, Starting(b"it hung\n"))  # type: ignore[arg-type]
    assert os.read(supervisor.waits_for, 100) == b"it hung\n"


@pytest.mark.parametrize("new", [True, False])
def test_a_repository_is_cloned_into_what_is_new_or_it_is_said(
    settings: Settings, starting: Any, capsys: pytest.CaptureFixture[str], new: bool
) -> None:
    supervisor: Any = Supervisor([])
    begun = preload.Start(settings._replace(repository="https://example.org/a/b"), supervisor, starting)
    begun.new = new
    start.start_clone(begun)
    assert supervisor.done == ["clone"] * new
    assert ("GIT_REPOSITORY='https://example.org/a/b' is not cloned" in capsys.readouterr().err) is not new
