"""get-versions as a command: where it writes, and what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.config.environ import ImageLayout
from melda.versions import get_versions

FOUND = {"Python": "3.11.2", "name": "ü"}
TEXT = '{\n\t"Python": "3.11.2",\n\t"name": "ü"\n}\n'


@pytest.fixture
def run(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``run(*arguments)`` -> exit code, in an image in a folder that has ``FOUND``."""
    monkeypatch.setattr(get_versions.Installed, "versions", lambda _: FOUND)
    monkeypatch.setattr(get_versions.environ, "image_layout", lambda _: place)

    def command(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["get-versions", *arguments])
        return get_versions.main()

    return command


def test_standard_output(run: Any, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("--output", "-") == 0
    assert capfdbinary.readouterr().out == TEXT.encode()


def test_a_file(run: Any, tmp_path: Path) -> None:
    assert run("--output", str(tmp_path / "found.json")) == 0
    assert json.loads((tmp_path / "found.json").read_text()) == FOUND


def test_root_has_the_user_look(
    run: Any, place: ImageLayout, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any
) -> None:
    """Among the user's files may be links to what only root can read."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    asked: list[object] = []
    really = get_versions.users.run_as

    def as_somebody(who: Any, action: Any, seconds: float) -> None:
        asked.append(who)
        really(who, action, seconds)

    monkeypatch.setattr(get_versions.users, "run_as", as_somebody)
    monkeypatch.setattr(get_versions.Installed, "versions", lambda _: FOUND | {"pid": os.getpid()})
    assert run("--output", "-") == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert found.pop("pid") != os.getpid() and found == FOUND
    assert asked == [place.user]


@pytest.mark.parametrize("uid", [0, 1000])
def test_the_users_home(run: Any, place: ImageLayout, uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert run() == 0
    assert (Path(place.user.home) / "versions.json").read_text() == TEXT


def test_one_line_if_it_cannot(run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--output", "/proc/none/x") == 1
    assert capsys.readouterr().err.startswith("get-versions: [Errno 2]")

    def refuse(_: Any) -> ImageLayout:
        raise ConfigError("invalid username=''")

    monkeypatch.setattr(get_versions.environ, "image_layout", refuse)
    assert run() == 2
    assert capsys.readouterr().err == "get-versions: invalid username=''\n"
