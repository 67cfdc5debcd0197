"""A FIFO in the home hangs no Jupyter, and a folder in the place of a file is in nobody's way."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from melda.jupyter import odd_files, start_attempts

DATA = ".local/share/jupyter"
NAMES = [
    DATA + "/notebook_secret", DATA + "/nbsignatures.db", DATA + "/nbsignatures.db-wal", DATA + "/runtime/jupyter_cookie_secret",
    DATA + "/runtime/jpserver-1.json", DATA + "/labextensions/x/package.json", DATA + "/kernels/mine/kernel.json",
    ".jupyter/migrated", ".jupyter/jupyter_server_config.py", ".jupyter/jupyter_server_config.json",
    ".jupyter/lab/workspaces/default-37a8.jupyterlab-workspace",
    ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings",
    ".ipython/profile_default/ipython_config.py",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "closed", "loop", "socket"])
def test_what_is_no_file_is_set_aside_once(
    tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    monkeypatch.chdir(path.parent)  # a socket's path is short
    {
        "fifo": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero"), "folder": path.mkdir,
        "closed": lambda: path.touch(0o000), "loop": lambda: path.symlink_to(path.name),
        "socket": lambda: socket.socket(socket.AF_UNIX).bind(path.name),
    }[kind]()  # fmt: skip
    for _ in range(2):
        start_attempts.make_usable(str(tmp_path), str(tmp_path / DATA / "runtime"))
        (aside,) = path.parent.iterdir()
        assert aside.name.startswith(path.name + ".set-aside-")


def test_all_else_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".jupyter" / "lab").mkdir(parents=True)
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / ".jupyter" / "lab" / "user-settings").symlink_to(tmp_path / "dotfiles")
    (tmp_path / ".jupyter" / "lab" / "again").symlink_to(tmp_path / ".jupyter")
    (tmp_path / ".jupyter" / "gone.json").symlink_to("/nowhere")
    (tmp_path / DATA / "static" / "a.json").mkdir(parents=True)
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    start_attempts.make_usable(str(tmp_path), str(tmp_path / DATA / "runtime"))
    assert sorted(tmp_path.rglob("*")) == before and capfd.readouterr().err == ""


def test_folders_are_folders_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("mine")
    (tmp_path / "nbconfig" / "inner").mkdir(parents=True)
    (tmp_path / "nbconfig" / "inner").chmod(0)
    odd_files.set_aside(str(tmp_path))
    assert [path.name.partition("-")[0] for path in tmp_path.glob("lab*")] == ["lab.set"]
    assert (tmp_path / "nbconfig" / "inner").stat().st_mode & 0o700 == 0o700


def test_it_takes_a_moment(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "x.json")
    odd_files.set_aside(str(tmp_path), seconds=-1)
    assert (tmp_path / "x.json").is_fifo() and "not everything" in capfd.readouterr().err

    def refuse(*_: object) -> None:
        raise OSError("it is another's")

    monkeypatch.setattr(odd_files.folders, "move_aside", refuse)
    odd_files.set_aside(str(tmp_path))
    assert "it is another's" in capfd.readouterr().err


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {name: ModuleType(name) for name in (*odd_files.READERS, *odd_files.PATHS)}
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name, function in odd_files.LISTS:
        setattr(found[name], function, lambda pattern: Path(pattern).parent.glob("*"))
    for name in odd_files.PATHS:
        found[name].Path = Path
    return {name: vars(module) for name, module in found.items()}


def test_while_jupyter_runs_it_is_an_error(loaded: dict[str, Any], tmp_path: Path) -> None:
    odd_files.install()
    fifo, file = tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(fifo)
    for name in odd_files.READERS:
        for mode in ("r", "w"):
            with pytest.raises(OSError, match="no regular file"):
                loaded[name]["open"](str(fifo), mode)
        with loaded[name]["open"](str(file), "w", encoding="utf-8") as stream:
            stream.write("text")
    for name, function in odd_files.LISTS:
        assert list(loaded[name][function](str(tmp_path / "*"))) == [file]
    folder = loaded["jupyterlab_server.workspaces_handler"]["Path"](str(tmp_path))
    (folder / "new").write_text("text", encoding="utf-8")
    assert (tmp_path / "new").read_text() == "text" and sorted(folder.iterdir())[-1] == tmp_path / "new"
    for action in (lambda: (folder / "fifo").open(encoding="utf-8"), lambda: (folder / "fifo").write_text("")):
        with pytest.raises(OSError, match="no regular file"):
            action()


def test_what_is_too_large_to_be_read_as_a_whole_is_an_error_of_its_own(loaded: dict[str, Any], tmp_path: Path) -> None:
    """A kernel.json of 20 GB took Jupyter's memory, and the host's: the thread that read it went on."""
    odd_files.install()
    large, small = tmp_path / "large", tmp_path / "small"
    small.write_text("text")
    large.touch()
    os.truncate(large, 20 << 30)
    for name in odd_files.READERS:
        with pytest.raises(OSError, match="too large to be read: 64 MB"):
            loaded[name]["open"](str(large), encoding="utf-8")
    for name, function in odd_files.LISTS:
        assert list(loaded[name][function](str(tmp_path / "*"))) == [small], "else it costs all of them"
    workspaces = loaded["jupyterlab_server.workspaces_handler"]["Path"](str(tmp_path))
    assert list(workspaces.iterdir()) == [small]
    for name in odd_files.PATHS:
        with pytest.raises(OSError, match="too large to be read"):
            loaded[name]["Path"](str(large)).read_text()
        assert loaded[name]["Path"](str(small)).read_text() == "text"
    with loaded["jupyterlab_server.settings_utils"]["open"](str(large), "w", encoding="utf-8") as stream:
        stream.write("what is written anew need not be read")
