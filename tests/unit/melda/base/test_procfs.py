"""Processes as proc(5) shows them: processor time between two looks, terminals, ssh."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from melda.base import procfs
from melda.base.procfs import Meter, Process

from tests.container.machines import until

ME = os.getuid()


def process(pid: int, seconds: float, began: int = 1, uid: int = 7, terminal: str = "") -> Process:
    return Process(pid, began, uid, seconds, pid, terminal)


def test_processors_between_two_looks() -> None:
    meter = Meter(7)
    assert meter.read([process(1, 100.0), process(2, 5.0), process(3, 9.0)], 10.0) == 0.0, "nothing to compare with"
    later = [process(1, 105.0), process(3, 99.0), process(4, 99.0, uid=8)]
    assert meter.read(later, 20.0, without=(3,)) == 0.5
    # The number of one that has ended, taken by another that began since.
    assert meter.read([process(1, 2.0, began=9)], 24.0) == 0.5
    assert meter.read([], 25.0) == 0.0


def test_a_process_that_computes_is_seen() -> None:
    meter = Meter(ME)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            mine = [one for one in procfs.table() if one.pid == child.pid]
            meter.read(mine, time.monotonic())

            def busy() -> bool:
                return meter.read([one for one in procfs.table() if one.pid == child.pid], time.monotonic()) > 0.02

            until(busy, "it is seen to compute", 20)
        finally:
            child.kill()


def test_terminals_and_when_they_were_used() -> None:
    leader, follower = pty.openpty()
    path = os.ttyname(follower)
    code = "import fcntl, os, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=follower, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout and child.stdout.readline() == b"1\n"
            seen = [one for one in procfs.table() if one.pid == child.pid]
            assert procfs.terminals(seen) == [path]
            assert procfs.terminals([*seen, process(1, 0, terminal=path)]) == [], "the container's own"
            assert abs(procfs.last_used([path, "/none"]) - time.time()) < 3600
        finally:
            child.kill()
    os.close(leader)
    os.close(follower)
    assert procfs.last_used([]) == 0.0


@pytest.mark.parametrize(
    ("title", "is_one"),
    [
        ("sshd: root@pts/0", True),
        ("sshd: root@notty", True),
        ("sshd-session: melda@pts/0,pts/1", True),
        ("sshd: melda [priv]", False),
        ("sshd-session: root [priv]", False),
        ("sshd: root [net]", False),
        ("sshd: unknown [priv]", False),
        ("sshd: [accepted]", False),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", False),
        ("python3", False),
    ],
)
def test_ssh(tmp_path: Path, title: str, is_one: bool) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "cmdline").write_text(title + "\0\0")
    (tmp_path / "self").mkdir()
    (tmp_path / "13").mkdir()
    assert procfs.connections(str(tmp_path)) == int(is_one)
