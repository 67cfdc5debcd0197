"""kernel.py and melda_plugins.py: whose packages a Python finds, and what a kernel says that could not start with them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from .conftest import JUPYTER


@pytest.fixture
def own(tmp_path: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, in a Python that is the image's; ``sys.path`` is put back."""
    root = tmp_path / "Python-{}.{}.{}".format(*sys.version_info[:3])
    Path(plugins.packages(str(root))).mkdir(parents=True)
    monkeypatch.setattr(plugins, "IMAGE", sys.prefix)
    monkeypatch.setattr(plugins, "RESTORING", str(tmp_path / "restoring"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "executable", sys.executable)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("JUPYTER_WORKDIR", str(tmp_path))
    monkeypatch.delenv(plugins.WITHOUT, raising=False)
    monkeypatch.setenv("JUPYTER_PATH", "/given")
    return root


def test_jupyters_commands_find_the_users_kernels(own: Path, plugins: Any) -> None:
    plugins.arrange()
    expected = ["/given", f"{plugins.IMAGE}/share/jupyter", f"{own}/share/jupyter"]
    assert os.environ["JUPYTER_PATH"].split(":") == expected
    plugins.arrange(again=True)
    assert os.environ["JUPYTER_PATH"].split(":") == expected, "once"


def test_the_users_folder(own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugins.folder() == str(own)
    monkeypatch.setenv("JUPYTER_WORKDIR", "relative")
    assert plugins.folder() == ""
    monkeypatch.setenv("JUPYTER_WORKDIR", str(own))
    assert plugins.folder() == ""
    monkeypatch.setenv("JUPYTER_WORKDIR", str(own.parent))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert plugins.folder() == "", "root must not load what users can write"
    monkeypatch.setattr(plugins, "IMAGE", "/elsewhere")
    assert plugins.folder() == sys.prefix


def test_a_folder_that_the_user_deleted_is_made_again(
    own: Path, plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_paths = tmp_path / "set-paths"
    set_paths.write_text(f"#!/bin/sh\nmkdir -p {own}/bin && echo made >>{own}/bin/{plugins.PIP_PYTHON}\n")
    set_paths.chmod(0o755)
    monkeypatch.setattr(plugins, "SET_PATHS", str(set_paths))
    made = own / "bin" / plugins.PIP_PYTHON
    for running, expected in ((tmp_path / "none", ""), (tmp_path, "made\n"), (tmp_path, "made\n")):
        monkeypatch.setattr(plugins, "RUNNING", str(running))
        plugins.arrange(again=True)
        assert (made.read_text() if made.exists() else "") == expected
    made.unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    plugins.arrange(again=True)
    assert not made.exists(), "not as root"


def test_the_order(own: Path, plugins: Any) -> None:
    (own / "bin").mkdir()
    (own / "bin" / "python").touch()
    sys.path.insert(0, str(own))
    others = [path for path in sys.path if path not in (str(own), plugins.IMAGE_PACKAGES)]
    plugins.arrange()
    assert sys.path == [*others, plugins.packages(str(own)), str(own), plugins.IMAGE_PACKAGES]
    assert sys.executable == str(own / "bin" / "python")
    now = list(sys.path)
    sys.path.insert(0, str(own))
    plugins.arrange()
    assert sys.path == [str(own), *now], "only once"
    plugins.arrange(again=True)
    assert sys.path[-2:] == [str(own), plugins.IMAGE_PACKAGES] and sys.path.count(str(own)) == 1


def test_without(own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.WITHOUT, "1")
    sys.path += [str(own), plugins.packages(str(own))]
    plugins.arrange()
    assert not {str(own), plugins.packages(str(own))} & set(sys.path)


def test_nothing_in_the_folder_keeps_python_from_starting(
    own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(_: str) -> None:
        sys.path.clear()
        raise SystemExit(3)

    monkeypatch.setattr(plugins.site, "addsitedir", leave)
    before = list(sys.path)
    plugins.arrange()
    assert sys.path == before
    assert capsys.readouterr().err == "the packages in your project are left out: SystemExit(3)\n"


def test_no_folder(own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_WORKDIR")
    before = list(sys.path)
    plugins.arrange()
    assert sys.path == before


def test_nobody_waits_long_after_the_containers_start(own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(plugins.RESTORING).touch()
    os.utime(plugins.RESTORING, (0, time.time() - plugins.LONGEST_WAIT - 1))

    def sleep(_: float) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr(plugins.time, "sleep", sleep)
    plugins.wait()


def test_waits_while_packages_are_restored(own: Path, plugins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(plugins.RESTORING).touch()
    monkeypatch.setattr(plugins.time, "sleep", lambda _: Path(plugins.RESTORING).unlink())
    plugins.wait()
    Path(plugins.RESTORING).touch()
    monkeypatch.setattr(plugins, "PATIENCE", 0.0)
    plugins.wait()
    assert Path(plugins.RESTORING).exists()


def test_who_is_to_blame(kernel: Any, tmp_path: Path) -> None:
    site = Path(kernel.melda_plugins.packages(str(tmp_path)))
    (site / "Bad_Thing-1.dist-info").mkdir(parents=True)
    (site / "Bad_Thing-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: Bad-Thing\nVersion: 1\n")
    (site / "Bad_Thing-1.dist-info" / "RECORD").write_text("bad/__init__.py,,\n")
    (site / "bad").mkdir()

    def blamed(file: Path) -> str:
        try:
            exec(compile("1 / 0", str(file), "exec"))
        except ZeroDivisionError as error:
            return kernel.culprit(error.__traceback__, str(tmp_path))  # type: ignore[no-any-return]
        raise AssertionError

    assert blamed(site / "bad" / "__init__.py") == "Bad-Thing"
    assert blamed(site / "other.py") == "other"
    assert blamed(tmp_path / "old" / "x.py") == "old"
    assert blamed(Path("/usr/lib/x.py")) == ""


def test_what_is_said(kernel: Any) -> None:
    assert kernel.complaint("/p", "Bad-Thing", "ImportError: x") == (
        "Bad-Thing in /p keeps the Python kernel from starting (ImportError: x). It runs with the image's packages."
        " To remove it: %pip uninstall -y Bad-Thing"
    )
    assert kernel.complaint("/p", "", "the process ended").startswith("a package in /p keeps the Python kernel")
    assert "%pip list --path /p/lib/python" in kernel.complaint("/p", "", "x")


def test_an_attempt_leaves_a_mark_until_it_ends(kernel: Any, tmp_path: Path) -> None:
    arguments = ["kernel.py", "-f", str(tmp_path / "connection.json")]
    with subprocess.Popen(["true"]) as ended:
        pass
    mark = tmp_path / "connection.json.starting"
    first = kernel.Attempt(arguments)
    assert not first.crashed and kernel.Attempt(arguments).crashed, "it began again by itself"
    mark.write_text(str(os.getppid()))
    assert not kernel.Attempt(arguments).crashed, "two restarts at once: it is not over"
    mark.write_text(str(ended.pid))
    assert kernel.Attempt(arguments).crashed
    mark.write_text("")
    assert kernel.Attempt(arguments).crashed, "on a full disk a mark is empty"
    first.end()
    first.end()
    assert not kernel.Attempt(arguments).crashed
    for nothing in ([], ["-f"]):
        attempt = kernel.Attempt(nothing)
        attempt.end()
        assert not attempt.crashed


@pytest.mark.parametrize(
    ("sent", "patience", "said", "mark", "crashed"),
    [
        ("SIGINT", 30, "up", None, False), ("SIGTERM", 30, "", "+", False), ("SIGTERM", 0, "", "PID", True),
        ("SIGTERM SIGTERM", 30, "", "++", False), ("SIGTERM SIGTERM SIGTERM", 30, "", "+++", True),
    ],
)  # fmt: skip
def test_who_restarts_a_kernel_that_starts_blames_no_package(
    kernel: Any, tmp_path: Path, sent: str, patience: int, said: str, mark: str | None, crashed: bool
) -> None:
    """Two restarts in a row, or a press of *stop*, and the user's packages were gone, with a line that accused them.

    But a package that ends the kernel so at each start is to blame: Jupyter gives up at the fifth.
    """
    connection = tmp_path / "connection.json"
    start = (
        "import sys, os, signal\n"
        "sys.path.insert(0, '')\n"  # which it removes, as the folder of the program
        f"sys.path.insert(1, {JUPYTER!r})\n"
        f"sys.path.insert(1, {JUPYTER!r})\n"
        "import kernel\n"
        f"kernel.IMPATIENT = {patience}\n"
        f"attempt = kernel.Attempt(['kernel.py', '-f', {str(connection)!r}])\n"
        "attempt.watch_signals()\n"
        "os.kill(os.getpid(), getattr(signal, sys.argv[1]))\n"
        "attempt.end()\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "print('up', end='')\n"
    )
    found = Path(f"{connection}.starting")
    for one in sent.split():
        run = [sys.executable, "-c", start, one]
        with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.communicate(timeout=20)[0] == said
    written = found.read_text().replace(str(process.pid), "PID") if found.exists() else None
    assert written == mark
    assert kernel.Attempt(["kernel.py", "-f", str(connection)]).crashed is crashed


def test_it_is_said_once(kernel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[Any] = []
    events = SimpleNamespace(register=lambda _, call: calls.append(call), unregister=lambda _, call: calls.remove(call))
    kernel.say_once(SimpleNamespace(events=events), "broken")
    calls[0](None)
    assert (calls, capsys.readouterr().err) == ([], "broken\n")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/opt/jupyter/bin/python /opt/jupyter/bin/pip install x", True), ("python3 -m pip -q install x", True),
        ("python /opt/jupyter/bin/pip3 install x", True), ("python -m pip list", False), ("python install", False),
        ("python -m http.server", False),
    ],
)  # fmt: skip
def test_root_is_told_what_ends_with_the_container(
    plugins: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any, command: str, told: bool
) -> None:
    (tmp_path / "command").write_text(command.replace(" ", "\0") + "\0")
    for name, value in (("COMMAND", "command"), ("RUNNING", "."), ("HOST", "none")):
        monkeypatch.setattr(plugins, name, str(tmp_path / value))
    monkeypatch.setattr(plugins, "IMAGE", sys.prefix)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    plugins.arrange(again=True)
    assert ("ends with the container" in capsys.readouterr().err) is told
    # Nor while an image is built, nor on a host, nor the user.
    for change in (("RUNNING", str(tmp_path / "none")), ("HOST", str(tmp_path))):
        with monkeypatch.context() as patch:
            patch.setattr(plugins, *change)
            plugins.arrange(again=True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    plugins.tell_root()
    assert capsys.readouterr().err == ""
