"""The system bus and the version service: what is started, as whom, and what is said if it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.base import users
from melda.base.errors import ConfigError
from melda.boot import health, services
from melda.config import secret_files
from melda.config.environ import SRC, Settings


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs, the only ones there are."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(services, "for_root", lambda _: {"PATH": f"{folder}:/usr/bin:/bin", "LANG": "C.UTF-8"})
    monkeypatch.setattr(services, "BUS", str(tmp_path / "run" / "dbus" / "system_bus_socket"))
    return folder


def program(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_where_the_bus_is_not_installed_there_is_none(
    settings: Settings, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "for_root", lambda _: {"PATH": str(programs)})
    assert services.dbus(settings) is None


def test_the_bus_starts_after_a_container_that_was_killed(settings: Settings, programs: Path, tmp_path: Path) -> None:
    program(programs / "dbus-daemon", "")
    program(programs / "dbus-uuidgen", f'[ "$*" = --ensure ] && touch {tmp_path}/machine-id\n')
    (tmp_path / "run" / "dbus").mkdir(parents=True)
    (tmp_path / "run" / "dbus" / "pid").write_text("7")
    service = services.dbus(settings)
    assert service is not None and (tmp_path / "machine-id").exists()
    assert service.argv[:3] == ("stdbuf", "-eL", str(programs / "dbus-daemon"))
    assert "--nopidfile" in service.argv and service.account == users.ROOT and not service.critical


@pytest.mark.parametrize(
    ("uuidgen", "said"),
    [("exit 1\n", "returned non-zero exit status 1"), (None, "No such file or directory: 'dbus-uuidgen'")],
)
def test_a_bus_that_cannot_be_prepared_is_one_line(
    settings: Settings, programs: Path, uuidgen: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs / "dbus-daemon", "")
    monkeypatch.setattr(services, "for_root", lambda _: {"PATH": str(programs)})
    if uuidgen:
        program(programs / "dbus-uuidgen", uuidgen)
    with pytest.raises(ConfigError, match="^the system bus cannot be prepared: ") as refused:
        services.dbus(settings)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_the_version_service_is_the_users_and_takes_no_code_from_the_project(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SOCKET", str(tmp_path / "run" / "health" / "socket"))
    (tmp_path / "run" / "health" / "socket").mkdir(parents=True)
    (tmp_path / "run" / "health" / "jupyter").touch()  # on a host it serves already
    service = services.version_service(settings, {"A": "1"}, "/run/token")
    python, isolated, path = service.argv
    assert python == settings.layout.python_env + "/bin/python"
    assert (isolated, path) == ("-I", SRC + "/melda/boot/version_check_webservice.py")
    assert service.account == settings.layout.user
    assert service.environment == {"A": "1", secret_files.COPY: "/run/token"}
    assert services.version_service(settings, {"A": "1"}, "").environment == {"A": "1"}
    assert (tmp_path / "run" / "health").stat().st_mode & 0o7777 == 0o700
    assert not (tmp_path / "run" / "health" / "socket").exists() and (tmp_path / "run" / "health" / "jupyter").exists()


def test_names_of_the_health_check_are_free_whatever_the_user_put_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run" / "health"
    monkeypatch.setattr(health, "SOCKET", str(folder / "socket"))
    (folder / "jupyter" / "deep").mkdir(parents=True)
    (folder / "socket").write_text("no socket")
    (folder / "link").symlink_to("/etc/passwd")
    folder.chmod(0)
    names = [str(folder / name) for name in ("jupyter", "socket", "link", "none")]
    services.health_folder(settings.layout.user, *names)
    (aside,) = folder.iterdir()
    assert aside.name.startswith("jupyter.set-aside-") and (aside / "deep").is_dir()
    assert folder.stat().st_mode & 0o7777 == 0o700 and Path("/etc/passwd").is_file()


class Supervisor:
    def __init__(self) -> None:
        self.started: list[Any] = []
        self.timers: list[Any] = []

    def start(self, service: Any) -> None:
        self.started.append(service)

    def call_later(self, _: float, action: Any) -> None:
        self.timers.append(action)


@pytest.mark.parametrize(("ignored", "installed"), [(True, False), (False, True)])
def test_bspm_is_started_by_the_bus_where_that_can(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ignored: bool, installed: bool
) -> None:
    monkeypatch.setattr(services.capabilities, "no_new_privileges", lambda: ignored)
    monkeypatch.setattr(services, "BSPM_INSTALLED", str(tmp_path if installed else tmp_path / "no"))
    supervisor: Any = Supervisor()
    services.bspm(settings, supervisor)
    assert supervisor.started == supervisor.timers == []


def test_bspm_is_started_by_us_where_the_bus_cannot_and_says_whether_it_serves(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services.capabilities, "no_new_privileges", lambda: True)
    monkeypatch.setattr(services, "BSPM_INSTALLED", str(tmp_path))
    monkeypatch.setattr(services, "DBUS", str(tmp_path))
    monkeypatch.setattr(services, "RUN", str(tmp_path / "run"))
    state = tmp_path / "run" / "bspm"
    monkeypatch.setattr(services, "BSPM_STATE", str(state))
    supervisor: Any = Supervisor()
    services.bspm(settings, supervisor)
    (service,), (look,) = supervisor.started, supervisor.timers
    assert service.argv == (SRC + "/bspm-service", "--stay", str(state)) and service.account == users.ROOT
    assert state.read_text() == services.COMPILES
    capsys.readouterr()
    assert look() is None
    assert capsys.readouterr().err == f"start-jupyter: bspm: {services.COMPILES}\n"
    state.write_text("ok")
    assert look() is None and capsys.readouterr().err == ""


@pytest.mark.parametrize("planted", ["link", "file"])
def test_a_folder_that_is_none_is_not_given_away(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setattr(health, "SOCKET", str(tmp_path / "health" / "socket"))
    given: list[object] = []
    monkeypatch.setattr("os.fchown", lambda *what: given.append(what))
    (tmp_path / "roots").mkdir()
    if planted == "link":
        (tmp_path / "health").symlink_to(tmp_path / "roots")
    else:
        (tmp_path / "health").touch()
    with pytest.raises(ConfigError, match="^the health check cannot be prepared: "):
        services.version_service(settings, {}, "")
    assert given == []
