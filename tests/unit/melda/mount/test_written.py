"""Before an unmount: s3fs has to be done with each file, and S3 has to take what is written."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from melda.base import users
from melda.mount import written

ME = users.Account("me", os.getuid(), os.getgid(), (os.getgid(),), "/", "/bin/sh")


class Supervisor:
    """Whose s3fs has these files open."""

    lives = True
    waited = 0

    def __init__(self, *files: IO[bytes]) -> None:
        numbers = [file.fileno() for file in files]
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=numbers)

    def end(self) -> None:
        self.process.communicate()

    def alive(self, _: str) -> bool:
        return self.lives

    def pid(self, _: str) -> int:
        return self.process.pid

    def settle(self, condition: Callable[[], bool], _: float) -> bool:
        self.waited += 1
        return condition()


def refuse() -> None:
    raise OSError(1, "Operation not permitted")


def found(supervisor: Supervisor, probe: Callable[[], None] = lambda: None) -> list[str]:
    until = time.monotonic() + 5
    try:
        return list(written.problems(supervisor, "s3fs", probe, ME, until))  # type: ignore[arg-type]
    finally:
        supervisor.end()


def test_a_file_without_a_name_is_one_that_s3fs_holds(tmp_path: Path) -> None:
    with (tmp_path / "named").open("wb") as named, tempfile.TemporaryFile() as unnamed:
        for files, holds in (((named,), False), ((named, unnamed), True)):
            s3fs = Supervisor(*files)
            assert written.holds_files(s3fs.process.pid) == holds
            s3fs.end()
            assert not written.holds_files(s3fs.process.pid), "it has ended"


def test_nothing_is_missing_once_all_is_closed_and_s3_takes_a_file() -> None:
    supervisor = Supervisor()
    assert found(supervisor) == []
    assert supervisor.waited == 2, "the file of the probe has to be closed too"


def test_what_is_still_open_may_be_missing() -> None:
    with tempfile.TemporaryFile() as file:
        assert found(Supervisor(file), refuse) == ["some files are open, or on their way"]


def test_s3_that_takes_nothing_any_more_may_have_refused_the_last_file() -> None:
    assert found(Supervisor(), refuse) == ["a file cannot be written any more: [Errno 1] Operation not permitted"]


def test_s3fs_that_has_ended_is_asked_nothing() -> None:
    with tempfile.TemporaryFile() as file:
        supervisor = Supervisor(file)
        supervisor.lives = False
        assert found(supervisor, refuse) == []
