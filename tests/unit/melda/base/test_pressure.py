"""Want of something: what counts as it, how long it is tried again, and how often that is said."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
from melda.base import pressure, users

from tests.unit import open_files

ME = users.Account("me", os.getuid(), os.getgid(), (os.getgid(),), "/", "/bin/sh")


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (BlockingIOError(errno.EAGAIN, ""), True),
        (OSError(errno.ENOMEM, ""), True),
        (OSError(errno.EMFILE, ""), True),
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (subprocess.SubprocessError("Exception occurred in preexec_fn."), True),
        (FileNotFoundError(errno.ENOENT, ""), False),
        (OSError("text of a child"), False),
        (RuntimeError("other"), False),
    ],
)
def test_what_passes_and_what_does_not(error: Exception, counts: bool) -> None:
    assert pressure.is_it(error) == counts


def test_it_is_tried_until_there_is_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "PAUSE", 0)
    answers = [OSError(errno.EAGAIN, ""), MemoryError(), None]

    def action() -> str:
        error = answers.pop(0)
        if error:
            raise error
        return "done"

    assert pressure.tried(action, 60) == "done"
    answers[:] = [OSError(errno.EAGAIN, "")]
    with pytest.raises(BlockingIOError):
        pressure.tried(action, -1)
    answers[:] = [OSError(errno.ENOENT, "")]
    with pytest.raises(FileNotFoundError):
        pressure.tried(action, 60)


def test_the_same_is_said_once_until_it_is_well() -> None:
    lines: list[str] = []
    output = pressure.Complaints(lines.append)
    for text in ("a", "a", "b"):
        output.line("x", text)
    output.line("y", "a")
    output.recovered("x")
    output.line("x", "b")
    assert lines == ["a", "b", "a", "b"]


def test_a_child_is_tried_again_and_a_fork_that_fails_leaves_no_descriptor_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fork, left = os.fork, [3]

    def scarce() -> int:
        left[0] -= 1
        if left[0]:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", scarce)
    with open_files.none_left():
        users.run_as(ME, lambda: None, 10)
    assert left == [0]
    left[0] = -1
    with open_files.none_left(), pytest.raises(OSError, match="temporarily unavailable"):
        users.run_as(ME, lambda: None, -1)
