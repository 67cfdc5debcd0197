"""tasks/lib/run_lock.py: of two runs on one target the second waits until the first has ended, however that ends."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.connectors.util import write_stdin

from tasks.lib import run_lock


class Target:
    """A host of a run: its commands run here."""

    def __init__(self, say: list[str]) -> None:
        self.say = say
        self.pipes: list[subprocess.Popen[bytes]] = []

    def run(self, command: StringCommand, _stdin: Any = None, **_: Any) -> tuple[bool, str]:
        with subprocess.Popen(
            ["sh", "-c", command.get_raw_value()], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin and process.stderr
            if _stdin:
                self.pipes.append(process)
                write_stdin(_stdin, process.stdin)
            process.stdin.close()
            said = process.stderr.read().decode()
        self.say += said.splitlines()
        return process.returncode == 0, said

    def end(self) -> None:
        """As the system does when the run is killed."""
        for process in self.pipes:
            assert process.stdin
            process.stdin.close()


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Target, bool, list[str]]]]:
    """``begin(run, patience)`` -> a host of that run, whether its first command ran, and what was said."""
    monkeypatch.setattr(run_lock, "LOCK", str(tmp_path / "lock"))
    targets: list[Target] = []

    def started(run: str, patience: int = 20) -> tuple[Target, bool, list[str]]:
        monkeypatch.setattr(run_lock, "_RUN", f"{tmp_path.name}{run}")
        monkeypatch.setattr(run_lock, "PATIENCE", patience)
        target = Target([])
        targets.append(target)
        lock = run_lock.RunLock(target.run)
        # Uploads too: they lie under names that another run takes for what a killed one left.
        done = lock.demanded(lambda _: True)("a file") and lock.demanded(target.run)(StringCommand("true"))[0]
        return target, done, target.say

    yield started
    for target in targets:
        target.end()


def test_a_run_has_the_target_until_it_ends(begin: Callable[..., tuple[Target, bool, list[str]]]) -> None:
    first, done, _ = begin("a")
    assert done and len(first.pipes) == 1, "one lock for all its commands"
    _, done, said = begin("b", patience=1)
    assert (done, said) == (False, ["another run is at work on this target: expected one at a time"])
    first.end()
    _, done, said = begin("c")
    assert (done, said) == (True, [])


def test_two_names_of_one_target_are_refused(begin: Callable[..., tuple[Target, bool, list[str]]]) -> None:
    assert begin("a")[1]
    before = time.monotonic()
    _, done, said = begin("a")
    assert (done, said) == (False, ["this target has two names in one run: expected one"])
    assert time.monotonic() - before < 10, "it would wait for itself"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_nobody_else_holds_a_run_up(begin: Callable[..., tuple[Target, bool, list[str]]], tmp_path: Path) -> None:
    """Whoever locked a folder that all may read hung each run, without a line."""
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert begin("a")[1]
    os.close(folder)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
