"""The command line as a process: whose it is, in which Python it runs, and how it ends when it is cut short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.base import users
from melda.config import environ
from melda.envs import as_user, capture, cli, document
from melda.plugins import state

from tests.unit.melda.envs.conftest import FILES, Image, R
from tests.unit.melda.envs.r_machine import Machine, machine

__all__ = ["machine"]
PATHS = [path for path in sys.path if path.startswith(f"{FILES}/")]
START = f"""\
import os, sys
sys.path[:0] = {PATHS!r}
from melda.envs import cli
from melda.base import users as account
from melda.config import environ as environment
user = account.Account("ada", 65534, 65534, (65534,), "/home/ada", "/bin/sh")
place = environment.ImageLayout(user, "/nowhere", sys.argv.pop(1))
"""


def python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-IB", "-c", START + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An image whose Python tells what it was given."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    return tmp_path


def test_it_goes_on_in_the_images_python_which_looks_into_no_folder_of_the_users(program: Path) -> None:
    ran = python("sys.argv[0] = '/x/melda-env'\ncli.user.go_on(place)\nprint('stayed')", program, "diff", "a b")
    assert ran.stdout == "-IB /x/melda-env diff a b\n"


def test_it_stays_where_it_is_if_that_is_the_images_python_or_the_image_has_none(program: Path) -> None:
    for prefix in (sys.prefix, program / "none"):
        assert python("cli.user.go_on(place)\nprint('stayed')", prefix).stdout == "stayed\n"


def test_root_has_it_done_by_the_user_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    place = environ.ImageLayout(users.Account("ada", 1000, 1000, (1000,), "/home/ada", "/bin/sh"), "/x", "/y")
    ran: list[str] = []
    monkeypatch.setattr(as_user, "run", lambda place, argv: ran.append(place.user.name) or 3)
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    cli.as_user(place)
    assert ran == []
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit) as ended:
        cli.as_user(place)
    assert (ended.value.code, ran) == (3, ["ada"])


@pytest.mark.parametrize("count", [1, 5000])
def test_a_reader_that_is_gone_ends_it_without_a_word(tmp_path: Path, count: int) -> None:
    """However little there was to say."""
    found = document.empty()
    for name, packages in (("a", 0), ("b", count)):
        found["python"]["packages"] = [
            {"name": f"p{n}", "version": "1", "source": {"type": "index"}} for n in range(packages)
        ]
        (tmp_path / name).write_text(json.dumps(found))
    code = (
        "cli.user.go_on = cli.as_user = lambda place: None\ncli.environ.image_layout = lambda variables: place\n"
        "reading, writing = os.pipe(); os.close(reading); os.dup2(writing, 1)\nsys.exit(cli.main(sys.argv[1:]))"
    )
    ran = python(code, "/x", "diff", tmp_path / "a", tmp_path / "b")
    assert (ran.returncode, ran.stderr) == (1, "")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A test that runs in the background has no Ctrl+C otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_restore_with_one_line_and_the_next_one_finishes_it(
    image: Image, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    monkeypatch.setattr(cli, "as_user", lambda place: None)
    monkeypatch.setattr(environ, "load", lambda: machine.env)
    monkeypatch.setattr(environ, "image_layout", lambda variables: image.layout)
    monkeypatch.setattr(capture, "capture", lambda place: image.capture())
    monkeypatch.setattr(state, "RESTORING", str(machine.root / "restoring"))
    machine.apt_has(zoo="1.0")
    wanted = {**document.empty(), "r": {"version": R, "packages": []}}
    wanted["r"]["packages"].append({"name": "zoo", "version": "1.0", "source": {"type": "cran"}})
    (machine.root / "wanted.json").write_text(json.dumps(wanted))
    busctl = machine.root / "bin" / "busctl"
    works = busctl.read_text()
    # While apt works its user presses Ctrl+C.
    busctl.write_text(works.replace("  install)\n", f"  install)\n    kill -INT {os.getpid()}; exec sleep 600\n"))
    assert cli.main(["restore", str(machine.root / "wanted.json")]) == 130
    assert capsys.readouterr().err == "melda-env: interrupted; run it again, and it finishes\n"
    busctl.write_text(works)
    assert cli.main(["restore", str(machine.root / "wanted.json")]) == 0
    assert machine.versions(machine.system) == {"zoo": "1.0"}
