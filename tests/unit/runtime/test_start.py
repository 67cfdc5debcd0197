"""start-jupyter as a command: what it refuses, and how."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from melda_runtime import log, start
from melda_runtime.errors import Refused


def command(src: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = ["/usr/bin/python3", "-IS", str(src / "start-jupyter"), *arguments]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["x"], {}, "start-jupyter: 'x' is not right: it takes no arguments\n"),
        (
            [],
            {"username": "nobody-here"},
            "start-jupyter: username='nobody-here' is not right: there is no such user",
        ),
        (
            [],
            {"username": "root"},
            "start-jupyter: username='root' is not right: notebooks do not run as root\n",
        ),
    ],
)
@pytest.mark.skipif(os.getuid() != 0, reason="as anybody else it refuses that first")
def test_refuses_with_one_line(src: Path, arguments: list[str], variables: dict[str, str], said: str) -> None:
    done = command(src, *arguments, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_only_one(tmp_path: Path) -> None:
    held = start.only_one(str(tmp_path / "lock"))
    with pytest.raises(Refused, match="runs already in this container"):
        start.only_one(str(tmp_path / "lock"))
    held.close()
    start.only_one(str(tmp_path / "lock")).close()


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.line("a\nb\x1b[31m\udcff é")
    assert capsys.readouterr().err == "start-jupyter: a\\nb\\x1b[31m\\udcff é\n"


def test_a_step_says_what_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with log.step("storage") as details:
        details += ["local", "empty"]
    assert capsys.readouterr().err == "start-jupyter: storage: local, empty (0.00 s)\n"
    with pytest.raises(KeyError), log.step("failed"):
        raise KeyError
    assert capsys.readouterr().err == ""
