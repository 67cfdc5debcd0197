"""set-paths, and so a start: whatever lies in the way costs itself alone, and is kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.config.environ import ImageLayout
from melda.plugins import set_paths

from tests.unit.melda.plugins.test_set_paths import configuration, prepare, site_packages
from tests.unit.melda.plugins.test_set_paths import system as system


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the health check reads of a start."""
    monkeypatch.setattr(set_paths.state, "START", str(tmp_path / "start"))
    return tmp_path / "start"


def no_pip(*_: object) -> None:
    raise OSError("no room")


def test_what_cannot_be_made_ready_costs_itself_alone(
    place: ImageLayout, told: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", no_pip)
    found = prepare(place, repair=True)
    assert Path(found.r).is_dir() and Path(found.python, "bin", "python").exists()
    line = "~/.pip/pip.conf cannot be made ready: no room"
    assert capfd.readouterr().err == f"start-jupyter: paths: {line}\n" and told.read_text() == line
    monkeypatch.undo()
    monkeypatch.setattr(set_paths.state, "START", str(told))
    set_paths.in_project(place, found, repair=False)
    assert told.read_text() == "", "it is over"


def test_what_takes_for_ever_is_told_and_passed_over(
    place: ImageLayout, told: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", lambda *_: signal.pause())
    monkeypatch.setattr(set_paths, "SECONDS", 0.2)
    prepare(place)
    assert capfd.readouterr().err == "start-jupyter: paths: no answer in time\n"
    assert told.read_text() == "no answer in time"


def test_the_command_fails_with_one_line(place: ImageLayout, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_paths, "tell_pip", no_pip)
    with pytest.raises(ConfigError, match=r"^the plugin folders cannot be prepared: ~/\.pip/pip\.conf .*: no room$"):
        set_paths.prepare(place, strict=True)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("w") as stream:
        stream.truncate(1 << 26)


KINDS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_text("mine"), "folder": lambda path: (path / "mine").mkdir(parents=True),
    "fifo": os.mkfifo, "device": zeros, "huge": huge, "dead link": lambda path: path.symlink_to("/nowhere"),
    "loop": lambda path: path.symlink_to(path.name), "no text": lambda path: path.write_bytes(b"\xff\0[global"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", [".pip", ".pip/pip.conf", "P", "P/pyvenv.cfg", "P/bin", "P/bin/python", "P/bin/pip-python", "R"]
)
def test_whatever_lies_in_the_way(
    place: ImageLayout, told: Path, name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = set_paths.plugins(place)
    roots = {"P": Path(found.python), "R": Path(found.r), ".pip": configuration(place).parent}
    path = Path(str(roots[name.split("/")[0]]) + name[len(name.split("/")[0]) :])
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)
    prepare(place, repair=True)
    assert not told.exists()
    output = capfd.readouterr().err
    ours = kind in ("file", "no text", "fifo", "device", "dead link", "loop", "huge")
    if (name, kind) in ((".pip", "folder"), ("P", "folder"), ("P/bin", "folder"), ("R", "folder")):
        assert output == ""
    elif (name, kind) in ((".pip/pip.conf", "file"), (".pip/pip.conf", "no text")):
        assert path.read_bytes().startswith((b"mine", b"\xff\0[global")) and output == "", "its owner's to repair"
        return
    elif path.name not in ("pyvenv.cfg", "pip-python", "python", "pip.conf") or kind == "folder":
        assert f"{path} was in the way and is set aside as {path.name}.set-aside-" in output and ours | (
            kind == "folder"
        )
    assert subprocess.check_output([Path(found.python, "bin", "python3"), "-ISc", "print(1)"]) == b"1\n"
    assert configuration(place).read_text() == f"[global]\npython = {found.python}/bin/pip-python\n"
    assert Path(found.r).is_dir()


def test_its_owner_may_use_a_folder_again(place: ImageLayout, capfd: pytest.CaptureFixture[str]) -> None:
    found = prepare(place)
    for path in (found.python, found.r, f"{place.user.home}/.pip"):
        Path(path).chmod(0)
    prepare(place)
    assert capfd.readouterr().err.count(" had mode 000, and has 700 now\n") == 3
    Path(found.r).chmod(0o555)
    prepare(place)
    assert Path(found.r).stat().st_mode & 0o777 == 0o555, "as its owner wishes"


@pytest.fixture
def deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders called so are deeper than Python's own removal reaches."""
    remove = shutil.rmtree

    def rmtree(path: str, ignore_errors: bool) -> None:
        if "deep" in path:
            raise RecursionError
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", rmtree)


@pytest.mark.usefixtures("deep")
def test_one_lock_among_many_costs_itself_alone(place: ImageLayout) -> None:
    found = prepare(place)
    r = Path(found.r)
    (r / "00LOCK").write_text("mine")
    (r / "00LOCK-link").symlink_to(place.user.home)
    for lock in ("00LOCK-.", "00LOCK-..", "00LOCK-closed", "00LOCK-good/good/Meta", "00LOCK-file/file/Meta"):
        (r / lock).mkdir(parents=True)
    (r / "00LOCK-closed").chmod(0)
    for name in ("good", "file"):
        (r / f"00LOCK-{name}" / name / "Meta" / "package.rds").touch()
    (r / "file").write_text("in the way")
    (r / "00LOCK-deep").mkdir()
    prepare(place, repair=True)
    assert {path.name for path in r.glob("[!s]*")} == {"good", "file"}
    assert (r / "good" / "Meta" / "package.rds").exists() and (r / "file" / "Meta").is_dir()
    assert Path(place.workdir).is_dir() and "mine" in [
        path.read_text() for path in r.glob("set-aside-*") if path.is_file()
    ]
    before = sorted(os.listdir(r))
    prepare(place, repair=True)
    assert sorted(os.listdir(r)) == before


@pytest.mark.usefixtures("deep")
def test_one_distribution_among_many_costs_itself_alone(place: ImageLayout) -> None:
    site = site_packages(prepare(place))
    (site / "~deep").mkdir()
    (site / "~file").touch()
    (site / "half-1.dist-info").symlink_to("/nowhere")
    prepare(place, repair=True)
    assert [path.name for path in site.iterdir() if not path.name.startswith("set-aside-")] == ["zz-melda-image.pth"]
