"""config.py and tasks/lib/command_line.py: what is refused before pyinfra connects to anything."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.lib import command_line
from tasks.settings import problem_of_data

ROOT = Path(__file__).resolve().parents[3]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("option", ["yes", "dry", "json_output", "debug_facts", "debug_operations"])
def test_what_asks_nothing_needs_no_terminal(option: str) -> None:
    asked: dict[str, Any] = {"operations": ("deploy.py",), "data": (), option: True}
    assert command_line.problem(asked, None) == command_line.problem(asked, io.StringIO()) == ""
    del asked[option]
    assert command_line.problem(asked, None).startswith("no terminal to ask on: expected -y")
    assert command_line.problem(asked, io.StringIO()).startswith("no terminal to ask on: expected -y")
    assert command_line.problem(asked, Terminal()) == ""
    assert command_line.problem({"operations": ("fact", "x")}, None) == ""


@pytest.mark.parametrize("option", ["same_sudo_password", "ssh_password_prompt"])
def test_a_password_needs_a_terminal(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    asked: dict[str, Any] = {"operations": ("deploy.py",), "data": (), "yes": True, option: True}
    monkeypatch.setattr("os.open", lambda *_: (_ for _ in ()).throw(OSError()))
    refused = command_line.problem(asked, io.StringIO())
    assert (
        refused
        == f"no terminal to ask on for --{option.replace('_', '-')}: expected a key, and a sudo that asks for none"
    )
    assert command_line.problem(asked, Terminal()) == ""
    monkeypatch.setattr("os.open", lambda *_: os.dup(0))
    assert command_line.problem(asked, None) == ""


def test_a_preview_without_a_terminal_goes_on_with_the_hosts_that_are_left(tmp_path: Path) -> None:
    nothing = tmp_path / "deploy.py"
    nothing.write_text("")
    done = subprocess.run(
        [PYINFRA, "--dry", "--port", "1", "@local,127.0.0.1", str(nothing)], cwd=ROOT, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert "One of more hosts failed to connect, continue?" in done.stderr
    assert "EOFError" not in done.stderr and "[@local]    Ready" in done.stderr, done.stderr


def test_only_what_changes_nothing_goes_on_by_itself() -> None:
    assert command_line.goes_on({"dry": True}, None) and command_line.goes_on({"json_output": True}, io.StringIO())
    assert not command_line.goes_on({"dry": True}, Terminal())
    assert not command_line.goes_on({"yes": True}, None)


def test_data_are_names_and_values() -> None:
    asked = {"operations": ("deploy.py",), "data": ("a=b=c", "d="), "yes": True}
    assert command_line.data(asked) == [("a", "b=c"), ("d", "")]
    assert command_line.problem(asked, None) == ""
    assert command_line.problem({**asked, "data": ("hushhush",)}, None) == "invalid --data: expected NAME=VALUE"


def test_each_of_the_data_is_checked_alone() -> None:
    assert problem_of_data({"packages": "core", "uhome": "/srv/jo", "ssh_user": "x", "_sudo": True}) == ""
    assert problem_of_data({"packages": "all"}).startswith("invalid packages='all': expected ")
    assert problem_of_data({"usrname": "x"}).endswith(", perhaps username")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("deploy.py",), "no terminal to ask on: expected -y"),
        (("-y", "tasks.ssh.ssh", "--data", "ssh_public_key=garbage"), "invalid ssh_public_key='garbage': expected "),
        (("-y", "deploy.py", "--data", "usrname=hushhush"), "invalid usrname=...: expected a setting"),
        (("--dry", "deploy.py", "--data", "uid=many"), "invalid uid='many': expected "),
    ],
)
def test_pyinfra_says_it_in_one_line_and_connects_to_nothing(arguments: tuple[str, ...], line: str) -> None:
    done = subprocess.run(
        [PYINFRA, "@docker/nobody", *arguments], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": "/nowhere"}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert line in last and "Traceback" not in done.stderr and "Connecting" not in done.stderr, done.stderr


def test_a_limit_without_a_host_does_not_end_with_0() -> None:
    done = subprocess.run(
        [PYINFRA, "-y", "inventory.py", "deploy.py", "--limit", "nobody"], cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**os.environ, "MELDA_HOSTS": "@docker/nobody-at-all"}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "invalid --limit=nobody: expected a host or a group of MELDA_HOSTS" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [("@local", "--limit", "local"), ("@local", "--exclude", "@local"), ("no-such-inventory.py",)]
)
def test_a_run_without_a_host_does_not_end_with_0(arguments: tuple[str, ...], tmp_path: Path) -> None:
    nothing = tmp_path / "deploy.py"
    nothing.write_text("")
    inventory, *more = arguments
    done = subprocess.run(
        [PYINFRA, "-y", inventory, str(nothing), *more], cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "no host: expected an inventory" in done.stderr.splitlines()[-1]
