"""The keeper: who is installing, what it tells, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda_persistence import installers, keeper, state
from melda_persistence.apt import Packages
from melda_persistence.capture import Capture
from melda_persistence.folder import Folder
from melda_persistence.keeper import Keeper


@pytest.mark.parametrize(
    "line",
    [
        "pip install x",
        "/usr/bin/python3 /home/melda/project/Python-3.11.2/bin/pip3.11 install -q x",
        "python -m pip uninstall -y x",
        "/x/bin/python /opt/jupyter/lib/python3.11/site-packages/pip install x",
        "uv pip install x",
        "uv sync",
    ],
)
def test_an_installer(line: str) -> None:
    assert installers.is_one(line.split())


@pytest.mark.parametrize(
    "line", ["pip list", "python train.py", "bash", "", "uvicorn install", "cat pip/install", "python -c pass", "pip"]
)
def test_no_installer(line: str) -> None:
    assert not installers.is_one(line.split())


def test_running(tmp_path: Path) -> None:
    for number, line in ((1, "start-jupyter"), (20, "pip\0install\0x"), (21, "")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_text(line)
    (tmp_path / "22").mkdir()
    (tmp_path / "self").mkdir()
    assert installers.running(str(tmp_path)) == "pip install x"
    (tmp_path / "20" / "cmdline").unlink()
    assert installers.running(str(tmp_path)) == ""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(state, "STATE", str(tmp_path / "state"))
    monkeypatch.setattr(keeper, "say", lambda _: None)
    folders = []
    for name in ("Python-3.11.2", "R-4.2.2"):
        (tmp_path / "local" / name).mkdir(parents=True)
        folders.append(Folder(name, str(tmp_path / "local"), str(tmp_path / "bucket"), print, str))
    return Keeper(
        folders,
        Packages(str(tmp_path / "apt.json"), print, str(tmp_path / "none")),
        Capture(str(tmp_path / "x"), print, "/bin/true"),
    )


def test_the_line(kept: Keeper) -> None:
    assert kept.line() == "saved"
    one, two = kept._folders
    two.saved_at = 3600.0
    assert kept.line() == "saved at 01:00:00 UTC"
    one.dirty = True
    assert kept.line() == "saving"
    one.problem = "not saved: No space left on device"
    assert kept.line() == "failed: Python-3.11.2: not saved: No space left on device"


def test_the_line_without_a_bucket() -> None:
    assert Keeper([], Packages("/none", print, "/none"), Capture("/none", print, "/bin/false")).line() == state.LOCAL


def test_a_turn_writes_it(kept: Keeper, tmp_path: Path) -> None:
    for folder in kept._folders:
        folder.restore()
    kept.turn()
    assert state.read() == "saved"
    (tmp_path / "apt.json").mkdir()


def test_there_is_nothing_to_be_read_before_there_is_a_keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "STATE", str(tmp_path / "none"))
    assert state.read() is None
    monkeypatch.setattr(state, "STATE", str(tmp_path / "none" / "below"))
    state.write("saved")
