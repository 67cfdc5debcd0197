"""kernel.py: what a cell calls asks nobody."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from .conftest import JUPYTER


def test_what_a_cell_calls_asks_nobody(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``%pip uninstall NAME`` asked on a terminal that is nobody's, and the cell never ended."""
    app = SimpleNamespace(initialize=lambda: None, start=lambda: None, shell=None)
    kernelapp = SimpleNamespace(IPKernelApp=SimpleNamespace(instance=lambda: app))
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace(kernelapp=kernelapp))
    monkeypatch.setattr(sys, "argv", ["kernel.py"])
    monkeypatch.setattr(kernel.os, "environ", {"GIT_TERMINAL_PROMPT": "1"})
    monkeypatch.setattr(kernel.signal, "signal", lambda *_: None)
    kernel.main()
    assert os.environ == {**kernel.UNASKED, "GIT_TERMINAL_PROMPT": "1"}, "the container's own wins"


def test_r_asks_as_little(kernel: Any) -> None:
    cells = Path(JUPYTER, "cells.R").read_text()
    assert all(f'{name} = "{value}"' in cells for name, value in kernel.UNASKED.items())


def test_git_goes_on_with_the_message_that_it_has_itself(kernel: Any, tmp_path: Path) -> None:
    """With an editor that fails, no rebase and no merge that met a conflict could be finished in a cell."""

    def git(*words: str, code: int = 0) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **kernel.UNASKED}, timeout=20, check=False)
        assert done.returncode == code

    git("init", "-q", "-b", "main")
    for branch, text in (("main", "0"), ("one", "1"), ("main", "2")):
        git("checkout", "-q", *([] if text != "1" else ["-b"]), branch, code=1 if text == "0" else 0)
        (tmp_path / "a").write_text(text)
        git("add", "a")
        git("commit", code=1)
        git("commit", "-q", "-m", text)
    git("merge", "-q", "one", code=1)
    (tmp_path / "a").write_text("3")
    git("add", "a")
    git("merge", "--continue")
    git("rebase", "-i", "--root", code=1)


def test_ssh_asks_on_no_terminal_that_a_cell_calls_alone(kernel: Any) -> None:
    """A program of the user's may have a terminal of its own, and answer there (pexpect)."""
    assert not [name for name in kernel.UNASKED if name.startswith("SSH")]
    asked = subprocess.check_output(["sh", "-c", kernel.NO_INPUT + "echo $SSH_ASKPASS $SSH_ASKPASS_REQUIRE"], text=True)
    assert asked == "false force\n"


@pytest.mark.parametrize(
    ("command", "code", "shown"),
    [
        ("less long", 0, "1\r\n.*\r\n200\r\n"), ("more long", 0, "(.*\r\n)?1\r\n.*\r\n200\r\n"), ("echo a | less", 0, "a\r\n"),
        ("vi long", 1, "vi: there is no editor in a cell: [^\n]*\n"), ("nano long || exit 3", 3, "nano: there is no [^\n]*\n"),
        ("nano --version", 0, "nano\r\n"), ("nothing", 127, "[^\n]* line 2: nothing: [^\n]*\n"),
    ],
)  # fmt: skip
def test_what_asks_on_the_terminal_of_a_cell_ends(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, shown: str
) -> None:
    """``!less FILE`` and ``!vi FILE`` waited for a key that nobody can press; what needs none is as ever."""
    if command.startswith("nano -"):
        program = tmp_path / "nano"
        program.write_text("#!/bin/sh\necho nano\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "long").write_text("".join(f"{number}\n" for number in range(1, 201)))
    ours, theirs = pty.openpty()
    run = ["bash", "-c", kernel.NO_INPUT + command]
    try:
        done = subprocess.run(
            run, cwd=tmp_path, timeout=20, stdout=theirs, stderr=theirs, start_new_session=True, check=False
        )
        output = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert re.fullmatch(shown, output, re.DOTALL), output
    assert done.returncode == code


@pytest.mark.parametrize("command", ["cat; exit 3", "read x || exit 3", "(cat) && exit 3"])
def test_what_a_cell_calls_has_no_input(kernel: Any, command: str) -> None:
    """``!rm -i``, ``!cat`` and whatever calls input() waited for ever."""
    shell = SimpleNamespace(
        system=lambda line: subprocess.run(["bash", "-c", line], timeout=20, stdin=waits, check=False)
    )
    with subprocess.Popen(["sleep", "30"], stdout=subprocess.PIPE) as never:
        waits = never.stdout
        kernel.give_no_input(shell)
        assert shell.system(command).returncode == 3
        never.kill()
    kernel.give_no_input(None)
