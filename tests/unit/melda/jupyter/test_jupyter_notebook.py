"""Jupyter's process: it loads its code at once, and serves when it is told to, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.jupyter import jupyter_notebook, saving

# Of notebook 1, as the test calls it.
FIXED = [f"--NotebookApp.{option}" for option in ("ip=*", "port=9999", "base_url=/n/", "certfile=", "sock=")]
MORE = "--MappingKernelManager.cull_idle_timeout=9"
# What a server would see, in the place of Jupyter's.
SERVER = """
import gc, json, logging, os, sys, tornado.http1connection, tornado.httpserver, tornado.web
from melda.jupyter.start_attempts import Attempt
Attempt.__init__.__defaults__ = (os.path.join(os.environ["FOLDER"], "told"),)
print("loaded", os.environ["PATH"], flush=True)
collects = [gc.isenabled()]
def main():
    logging.warning("a the-token-of-the-server b the-token-of-the-hub c the-proxys-password")
    guarded = tornado.web.Application.find_handler.__name__, tornado.http1connection.HTTP1Connection.write_headers.__name__
    seen = {name: value for name, value in os.environ.items() if "PATH" in name}
    print(json.dumps({"cwd": os.getcwd(), "argv": sys.argv, "stdin": sys.stdin.read(), "seen": seen, "by": guarded,
        "server": tornado.httpserver.HTTPServer.configured_class().__name__}), flush=True)
    collects.append(gc.isenabled())
    tornado.httpserver.HTTPServer(tornado.web.Application([])).add_sockets([])
    print(json.dumps([*collects, gc.isenabled(), gc.get_freeze_count() > 1000]), flush=True)
    return 3 if "--fail" in sys.argv else None
"""


@pytest.fixture(params=["notebook", "jupyterhub"])
def program(request: pytest.FixtureRequest, src: Path, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command's name, and its process, which has loaded the server's code."""
    name = request.param
    command = {"notebook": "jupyter-notebook", "jupyterhub": "jupyterhub-singleuser"}[name]
    info = tmp_path / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nother = nothing:main\n{command} = server_code:main\n")
    (tmp_path / "server_code.py").write_text(SERVER)
    (tmp_path / "project").mkdir()
    (tmp_path / "token").write_text("the-token-of-the-server\n")
    variables = {"PYTHONPATH": str(tmp_path), "PATH": "/bin", "MELDA_LATER_PATH": "/project/bin:/bin"}
    variables.update(FOLDER=str(tmp_path), HOME=str(tmp_path), NOTEBOOK_ARGS=MORE)
    variables.update(JUPYTER_PORT="9999", JUPYTER_BASE_URL="n", https_proxy="http://u:the-proxys-password@127.0.0.1:9")
    if name == "jupyterhub":
        variables["JUPYTERHUB_API_TOKEN"] = "the-token-of-the-hub"
    else:
        variables["MELDA_TOKEN_FILE"] = str(tmp_path / "token")
    argv = [sys.executable, str(src / "melda/jupyter/jupyter_notebook.py"), str(tmp_path / "project"), "--fail"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=variables, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "loaded /bin\n"
        yield command, process


def test_it_serves_in_the_project_when_everything_is_ready(
    program: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    command, process = program
    out, log = process.communicate("\n", timeout=20)
    seen, collects = out.splitlines()
    assert json.loads(collects) == [False, False, True, True], "no garbage is collected until it listens"
    assert json.loads(seen) == {
        "cwd": str(tmp_path / "project"),
        "argv": [command, *{"jupyter-notebook": FIXED, "jupyterhub-singleuser": []}[command], MORE, "--fail"],
        "stdin": "",
        "seen": {"PYTHONPATH": str(tmp_path), "PATH": "/project/bin:/bin"},
        "by": {
            "jupyter-notebook": ["guarded", "closed"],
            "jupyterhub-singleuser": ["find_handler", "write_headers"],
        }[command],
        "server": "Server",
    }
    own = {
        "jupyter-notebook": "a [secret] b the-token-of-the-hub c [secret]",
        "jupyterhub-singleuser": "a the-token-of-the-server b [secret] c [secret]",
    }
    assert log == f"WARNING:root:{own[command]}\n"
    assert process.returncode == 3


def test_it_never_serves_if_the_preparation_ended(program: tuple[str, subprocess.Popen[str]]) -> None:
    out, _ = program[1].communicate(timeout=20)
    assert (out, program[1].returncode) == ("", 1)


LEAVING = """
import atexit, sys, threading, time
sys.path.append(sys.argv[1])
from melda.jupyter import jupyter_notebook
class Kept:
    def __del__(self):
        print("taken apart")
kept = Kept()
def slow():
    time.sleep(0.2)
    print("the thread")
def serve():
    atexit.register(print, "what was registered")
    threading.Thread(target=slow).start()
    {how}
jupyter_notebook.leave(serve)
"""


@pytest.mark.parametrize(
    ("how", "code"), [("return 3", 3), ("sys.exit(3)", 3), ("sys.exit()", 0), ("sys.exit('no')", 1), ("1 / 0", 1)]
)
def test_it_ends_whole_and_without_taking_the_interpreter_apart(src: Path, how: str, code: int) -> None:
    argv = [sys.executable, "-c", LEAVING.replace("{how}", how), str(src)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    assert (done.stdout, done.returncode) == ("the thread\nwhat was registered\n", code)


@pytest.mark.parametrize("where", ["threading.Thread(target=hang).start()", "atexit.register(hang)"])
def test_its_end_does_not_wait_for_ever(src: Path, where: str) -> None:
    """Jupyter was killed where an export was under way, and the container's exit code was 137."""
    program = (
        "import atexit, sys, threading\n"
        "sys.path.append(sys.argv[1])\n"
        "from melda.jupyter import jupyter_notebook\n"
        "jupyter_notebook.LEAVING = 0.2\n"
        "def hang():\n"
        "    threading.Event().wait()\n"
        "def serve():\n"
        f"    {where}\n"
        "    print('served')\n"
        "    return 3\n"
        "jupyter_notebook.leave(serve)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(src)], stdout=subprocess.PIPE, text=True, check=False, timeout=20
    )
    assert (done.stdout, done.returncode) == ("served\n", 3)


def test_a_save_that_is_cut_off_is_no_clean_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jupyter_notebook, "SAVING", 0.01)
    with saving.writing(str(tmp_path / "a\n.ipynb")):
        assert [jupyter_notebook.after_saves(code) for code in (0, 1)] == [74, 1]
    assert "it ends while it saves 'a\\n.ipynb': the former content is beside it" in "".join(capfd.readouterr())
    assert jupyter_notebook.after_saves(0) == 0
