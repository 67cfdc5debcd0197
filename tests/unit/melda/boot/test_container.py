"""start-jupyter as a command: what it refuses, and how."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from melda.base import log
from melda.base.errors import ConfigError, StopRequested
from melda.boot import container, stop
from melda.boot import start as steps

from tests.unit.melda.base.supervised import MOMENT


def command(src: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = ["/usr/bin/python3", "-IS", str(src / "start-jupyter"), *arguments]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "said"),
    [
        (["x"], {}, 2, "start-jupyter: invalid 'x': expected no argument, or --version or --check\n"),
        (
            [],
            {"username": "nobody-here"},
            1,
            "start-jupyter: invalid username='nobody-here': expected a user of this container",
        ),
        (
            [],
            {"username": "root"},
            1,
            "start-jupyter: invalid username='root': expected another user than root\n",
        ),
    ],
)
@pytest.mark.skipif(os.getuid() != 0, reason="as anybody else it refuses that first")
def test_refuses_with_one_line(
    src: Path, arguments: list[str], variables: dict[str, str], code: int, said: str
) -> None:
    done = command(src, *arguments, **variables)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.sub(MOMENT, "", done.stderr).startswith(said)
    assert done.stderr.count("\n") == 1


def test_only_one(tmp_path: Path) -> None:
    held = container.only_one(str(tmp_path / "lock"))
    with pytest.raises(ConfigError, match="runs already in this container"):
        container.only_one(str(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600, "whoever may read it may lock it"
    held.close()
    container.only_one(str(tmp_path / "lock")).close()


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.line("a\nb\x1b[31m\udcff é")
    assert capsys.readouterr().err == "start-jupyter: a\\nb\\x1b[31m\\udcff é\n"


def test_a_step_says_what_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with log.step("mount") as details:
        details += ["local", "empty"]
    assert capsys.readouterr().err == "start-jupyter: mount: local, empty (0.00 s)\n"
    with pytest.raises(KeyError), log.step("failed"):
        raise KeyError
    assert capsys.readouterr().err == ""


class Supervisor:
    """What the container's end looks like to start.run."""

    listening = staticmethod(contextlib.nullcontext)

    def __init__(self, code: int, asked: bool) -> None:
        self.run = lambda: code
        self.stop_requested = asked

    def is_running(self, name: str) -> bool:
        return name == "jupyter"


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """``ended(code, jupyter, hangs, begin)`` -> what start.run returns, and what it did at the end."""
    for call in ("chdir", "umask"):
        monkeypatch.setattr(container.os, call, lambda _: None)
    monkeypatch.setattr(container.capabilities, "NEEDED", {})
    monkeypatch.setattr(container.os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/home/melda/bin:" + os.environ["PATH"])
    monkeypatch.setattr(container.resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(container.environ, "load", dict)
    monkeypatch.setattr(container.environ, "settings", lambda _: SimpleNamespace(bucket=None, idle=None))
    monkeypatch.setattr(container.processes, "container", lambda: "/docker/a")
    monkeypatch.setattr(container.processes, "adopt", lambda: None)
    monkeypatch.setattr(container, "SYSTEMD", str(tmp_path / "systemd"))
    monkeypatch.setattr(container, "only_one", lambda: (tmp_path / "lock").open("w"))

    def run(
        code: int = 0,
        jupyter: int = 0,
        hangs: bool = False,
        begin: BaseException | None = None,
        saved: bool = True,
        asked: bool = True,
        ready: bool = True,
    ) -> tuple[int, list[str]]:
        done: list[str] = []

        def bring_up(start: Any) -> None:
            if begin:
                raise begin
            start.starting.answered = ready

        def take_down(*_: Any, **__: Any) -> tuple[int, bool]:
            done.append("taken down")
            return jupyter, saved

        monkeypatch.setattr(container.locales, "prepare", lambda found: found)
        monkeypatch.setattr(container.preload, "Start", lambda *given: SimpleNamespace(starting=given[-1]))
        monkeypatch.setattr(container.preload, "load_jupyter", lambda _: None)
        monkeypatch.setattr(steps, "take", bring_up)
        monkeypatch.setattr(stop, "shut_down", take_down)
        monkeypatch.setattr(
            container, "Supervisor", lambda group: Supervisor(code, asked) if group == "/docker/a" else None
        )
        told = SimpleNamespace(answered=False, stop=lambda runs: done.append(f"stopped {runs}"))
        monkeypatch.setattr(container, "Starting", lambda: told)
        monkeypatch.setattr(stop.s3fs, "is_hung", lambda _: hangs)
        monkeypatch.setattr(stop.s3fs, "kill_mount", lambda _: done.append("abandoned"))
        try:
            return container.run(), done
        except ConfigError:
            return -1, done

    return run


@pytest.mark.parametrize(
    ("happened", "code", "done"),
    [
        ({}, 0, ["taken down"]),
        ({"code": 7}, 7, ["taken down"]),
        ({"code": 7, "jupyter": 3}, 7, ["taken down"]),
        ({"jupyter": 3}, 3, ["taken down"]),
        ({"jupyter": -15}, 0, ["taken down"]),
        ({"jupyter": -9}, 137, ["taken down"]),
        ({"hangs": True}, 1, ["abandoned", "taken down"]),
        ({"code": 7, "hangs": True}, 7, ["taken down"]),
        ({"saved": False}, 74, ["taken down"]),
        ({"saved": False, "code": 7}, 7, ["taken down"]),
        ({"saved": False, "jupyter": -15}, 74, ["taken down"]),
        ({"saved": False, "jupyter": -9}, 74, ["taken down"]),
        ({"saved": False, "hangs": True}, 1, ["abandoned", "taken down"]),
        ({"code": 79}, 79, ["taken down"]),
        ({"code": 79, "saved": False}, 74, ["taken down"]),
        ({"code": 79, "hangs": True}, 1, ["abandoned", "taken down"]),
        ({"begin": StopRequested(), "saved": False}, 74, ["taken down"]),
        ({"begin": StopRequested()}, 0, ["taken down"]),
        ({"begin": StopRequested(), "hangs": True}, 1, ["abandoned", "taken down"]),
        ({"begin": ConfigError("x")}, -1, ["taken down"]),
    ],
)
def test_the_exit_code_of_the_container(ended: Any, happened: dict[str, Any], code: int, done: list[str]) -> None:
    stopped = ["stopped True"] if code >= 0 else []
    assert ended(**happened) == (code, stopped + done)
    assert os.environ["PATH"] == container.environ.ROOT_PATH, "whatever root calls is root's"


@pytest.mark.parametrize(("code", "ready", "ends"), [(0, True, 0), (0, False, 1), (7, False, 7)])
def test_an_end_by_itself_before_it_was_ready_is_no_success(
    ended: Any, capsys: pytest.CaptureFixture[str], code: int, ready: bool, ends: int
) -> None:
    assert ended(code=code, asked=False, ready=ready) == (ends, ["taken down"])
    assert ("Jupyter was not ready yet: the start has failed\n" in capsys.readouterr().err) is (ends == 1)


def test_what_else_it_refuses(
    ended: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "systemd").mkdir()
    assert ended() == (-1, [])
    monkeypatch.setattr(container.os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["start-jupyter"])
    assert container.main() == 1
    assert capsys.readouterr().err.startswith("start-jupyter: it must start as root, not as user 1000")
    monkeypatch.setattr("sys.argv", ["start-jupyter", "x"])
    assert container.main() == 2


@pytest.mark.parametrize(
    ("plugins", "mount", "said"),
    [
        ("", "", []),
        ("", "s3fs had to be killed", ["s3fs had to be killed"]),
        ("it did not end", "busy", ["it did not end", "busy"]),
    ],
)
def test_all_ends_in_the_order_in_which_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], plugins: str, mount: str, said: list[str]
) -> None:
    done: list[object] = []
    for module, name, result in (
        (stop.sync, "record_interrupted", None), (stop.sync, "flush", plugins), (stop.s3fs, "unmount", mount),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, lambda *_, name=name, result=result: done.append(name) or result)
    monkeypatch.setattr(stop.time, "monotonic", lambda: 100.0)
    supervisor: Any = SimpleNamespace(
        set_deadline=done.append,
        make_room=lambda: done.append("room") or True,  # type: ignore[func-returns-value]
        send_sigterm=lambda name: done.append("SIGTERM " + name),
        end_unsupervised=lambda: done.append("unsupervised"),
        stop=lambda name: done.append(name) or 5,  # type: ignore[func-returns-value]
        stop_all=lambda spare: done.append(spare),
    )
    settings: Any = SimpleNamespace(stop_seconds=10)
    assert stop.shut_down(settings, supervisor) == (5, not said)
    spared = (stop.s3fs.S3FS, stop.sync.NAME)
    assert done[:5] == [105.0, "room", "record_interrupted", "SIGTERM jupyter", "unsupervised"]
    assert done[5:] == [stop.jupyter.NAME, 106.5, spared, 104.0, "flush", 108.8, "unmount"]
    line = f"start-jupyter: something may be missing in the bucket: {'; '.join(said)}\n"
    assert capsys.readouterr().err == (line if said else "")


def test_a_container_whose_processes_cannot_be_told_starts_only_without_a_bucket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> str:
        raise ConfigError("x")

    monkeypatch.setattr(container.processes, "container", refuse)
    settings: Any = SimpleNamespace(bucket=None)
    assert container._group(settings) == ""
    settings.bucket = "b"
    with pytest.raises(ConfigError):
        container._group(settings)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_too_little_of_something_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def run() -> int:
        raise error

    monkeypatch.setattr(container, "run", run)
    monkeypatch.setattr("sys.argv", ["start-jupyter"])
    assert container.main() == 1
    assert capsys.readouterr().err == f"start-jupyter: {str(error) or 'MemoryError()'}\n"


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


def test_jupyter_begins_before_what_only_later_steps_need_is_loaded(src: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(src)!r})\n"
        "from melda.boot import container\n"
        "print(sorted({'http.client', 'logging', 'melda.boot.start', 'melda.mount', 'melda.sync', 'ssl'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-IBSc", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "[]\n"
