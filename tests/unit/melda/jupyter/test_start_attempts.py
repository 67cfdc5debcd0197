"""What the user wrote into Jupyter's configuration keeps no container from starting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from melda.jupyter import start_attempts

# A Jupyter that runs the user's configuration, and then listens until its end.
PROGRAM = """
import os, sys, time
sys.path.append(sys.argv[1])
from melda.jupyter.start_attempts import Attempt, CONFIGURATION
attempt = Attempt([sys.executable, *sys.argv], sys.argv[2])
if not attempt.wait():
    sys.exit(9)
def serve():
    path = os.environ.get(CONFIGURATION, sys.argv[3]) + "/jupyter_server_config.py"
    if os.path.exists(path):
        exec(open(path).read())
    attempt.finish()
    print("listens", os.environ.get(CONFIGURATION), flush=True)
    return eval(sys.argv[4]) if sys.argv[4:] else None
sys.exit(attempt.run(serve))
"""
WITHOUT = "start-jupyter: jupyter: ~/.jupyter is left out: "


class Jupyter:
    """Starts of one container's, whose user has a configuration."""

    def __init__(self, folder: Path, src: Path) -> None:
        self.folder, self.told = folder, folder / "told"
        program = folder / "program.py"
        program.write_text(PROGRAM)
        self.argv = [sys.executable, program, src, self.told, folder]

    def start(self, configuration: str, *result: str, root: str = "\n") -> subprocess.CompletedProcess[str]:
        (self.folder / "jupyter_server_config.py").write_text(configuration)
        variables = {"HOME": str(self.folder), "PATH": "/bin", "TMPDIR": str(self.folder)}
        argv = [*self.argv, *result]
        return subprocess.run(argv, env=variables, input=root, capture_output=True, text=True, check=False, timeout=20)


@pytest.fixture
def jupyter(tmp_path: Path, src: Path) -> Jupyter:
    return Jupyter(tmp_path, src)


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ("sys.exit(1)", "Jupyter ended with exit code 1"),
        ("sys.exit()", "Jupyter ended with exit code 0"),
        ("sys.exit('no')", "Jupyter ended with exit code 1"),
        ("x = (", "SyntaxError: '(' was never closed (<string>, line 1)"),
        ("raise ValueError('a\\nb')", "ValueError: a b"),
    ],
)
def test_a_second_start_without_it(jupyter: Jupyter, configuration: str, reason: str) -> None:
    done = jupyter.start(configuration)
    assert (done.returncode, done.stdout) == (0, "listens None\n")
    assert WITHOUT + reason + "\n" in done.stderr
    assert jupyter.told.read_text() == "left out: " + reason
    jupyter.told.unlink()
    assert "left out" not in jupyter.start("").stderr and not jupyter.told.exists()


def test_the_first_start_without_it_if_root_says_so(jupyter: Jupyter) -> None:
    done = jupyter.start("os._exit(5)", root="it hung\n")
    assert (done.returncode, done.stdout) == (0, "listens None\n")
    assert WITHOUT + "it hung\n" in done.stderr and jupyter.told.read_text() == "left out: it hung"


def test_no_start_when_root_is_gone(jupyter: Jupyter) -> None:
    assert (jupyter.start("", root="").returncode, jupyter.told.exists()) == (9, False)


@pytest.mark.parametrize(("result", "code"), [("None", 0), ("3", 3), ("sys.exit(4)", 4), ("1 / 0", 1)])
def test_what_comes_after_it_listened_is_the_end(jupyter: Jupyter, result: str, code: int) -> None:
    done = jupyter.start("", result)
    assert (done.returncode, done.stdout) == (code, "listens None\n")
    assert "left out" not in done.stderr


def test_there_is_no_third_start(jupyter: Jupyter) -> None:
    done = jupyter.start("", "x", root="it hung\n")
    assert done.stderr.count("left out") == 1 and done.returncode == 1
    done = subprocess.run([*jupyter.argv[:4], "/none"], capture_output=True, text=True, check=False, input="x\n", env={
        "HOME": "/", "TMPDIR": "/nowhere", "PATH": "/bin"}, timeout=20)  # fmt: skip
    assert done.returncode == 0, "nor does it need a folder"


def test_whatever_is_in_the_place_of_what_is_told(jupyter: Jupyter) -> None:
    jupyter.told.mkdir()
    assert jupyter.start("sys.exit(1)").stdout == "listens None\n"


@pytest.mark.parametrize(
    "name", [".ipython", ".jupyter", ".local", ".local/share", ".local/share/jupyter", ".local/share/jupyter/runtime"]
)
@pytest.mark.parametrize("kind", ["file", "dead link", "closed"])
def test_jupyters_folders_are_folders(tmp_path: Path, name: str, kind: str) -> None:
    path, runtime = tmp_path / name, tmp_path / ".local/share/jupyter/runtime"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.write_text("mine")
    elif kind == "closed":
        path.mkdir(mode=0)
    else:
        path.symlink_to("/nowhere")
    start_attempts.make_usable(str(tmp_path), str(runtime))
    assert os.path.lexists(path) is (kind == "closed")
    assert kind != "closed" or path.stat().st_mode & 0o777 == 0o700
    start_attempts.make_usable("/elsewhere", str(runtime))


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "huge", "secret"])
def test_the_secret_of_cookies_is_a_small_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "real" / "jupyter_cookie_secret"
    path.parent.mkdir()
    (tmp_path / "linked").symlink_to("real")
    {
        "fifo": lambda: os.mkfifo(path), "folder": path.mkdir, "device": lambda: path.symlink_to("/dev/zero"),
        "huge": lambda: path.write_bytes(bytes(5000)), "secret": lambda: path.write_text("secret"),
    }[kind]()  # fmt: skip
    start_attempts.make_usable(str(tmp_path), str(tmp_path / "linked"))
    assert os.path.lexists(path) is (kind == "secret")
    assert (tmp_path / "linked").is_symlink(), "a user may have it elsewhere"


@pytest.mark.parametrize("there", [False, True])
def test_a_home_without_room_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], there: bool
) -> None:
    """A full volume whose ~/.local was gone let no container start, and nobody could make room in it."""
    data, names = tmp_path / "data", (start_attempts.RUNTIME, start_attempts.DATA, start_attempts.IPYTHON)
    ipython = tmp_path / ".ipython/profile_default/startup"
    monkeypatch.setenv("HOME", str(tmp_path))
    if there:
        data.mkdir()
        ipython.mkdir(parents=True)
        (ipython / "README").touch()
    for name in names:  # set first, so that they are taken back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    start_attempts.have_room(str(data / "runtime"))
    assert (data / "runtime").is_dir() and not set(names) & os.environ.keys()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(start_attempts.tempfile, "TemporaryFile", full)
    monkeypatch.setattr(start_attempts.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    place = data if there else tmp_path / "none"
    monkeypatch.setattr(start_attempts.os, "makedirs", os.makedirs if there else full)
    start_attempts.have_room(str(place / "runtime"))
    assert os.environ[start_attempts.RUNTIME] == str(tmp_path / "runtime") and (tmp_path / "runtime").is_dir()
    assert os.environ.get(start_attempts.DATA) == (None if there else str(tmp_path))
    # Without it no kernel started: who lists them makes ~/.ipython.
    assert os.environ.get(start_attempts.IPYTHON) == (None if there else str(tmp_path / "ipython"))
    assert "No space left on device" in capfd.readouterr().err
    monkeypatch.setattr(start_attempts.tempfile, "mkdtemp", full)
    start_attempts.have_room(str(place / "runtime"))  # nor is there any in /tmp
