"""Before an unmount: s3fs has to be done with each file, and S3 has to take what is written."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from melda.base.errors import ConfigError
from melda.mount import flush_check

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become root")


class Supervisor:
    """Whose s3fs has these files open."""

    lives = True

    def __init__(self, *files: IO[bytes]) -> None:
        numbers = [file.fileno() for file in files]
        self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=numbers)

    def end(self) -> None:
        self.process.communicate()

    def is_running(self, _: str) -> bool:
        return self.lives

    def pid(self, _: str) -> int:
        return self.process.pid

    def wait_while_stopping(self, condition: Callable[[], bool], _: float) -> bool:
        return condition()


def refuse() -> None:
    raise ConfigError("there is no such bucket")


def found(supervisor: Supervisor, readable: Callable[[], None] = lambda: None) -> list[str]:
    until = time.monotonic() + 5
    try:
        return list(flush_check.problems(supervisor, "s3fs", readable, until))  # type: ignore[arg-type]
    finally:
        supervisor.end()


def test_a_file_without_a_name_is_one_that_s3fs_holds(tmp_path: Path) -> None:
    with (tmp_path / "named").open("wb") as named, tempfile.TemporaryFile() as unnamed:
        for files, holds in (((named,), False), ((named, unnamed), True)):
            s3fs = Supervisor(*files)
            assert flush_check.holds_files(s3fs.process.pid) == holds
            s3fs.end()
            assert not flush_check.holds_files(s3fs.process.pid), "it has ended"


def test_nothing_is_missing_once_all_is_closed() -> None:
    assert found(Supervisor()) == []


def test_what_is_still_open_may_be_missing() -> None:
    with tempfile.TemporaryFile() as file:
        assert found(Supervisor(file), refuse) == ["some files are open, or on their way"]


def test_a_bucket_that_is_gone_has_not_got_the_last_file() -> None:
    assert found(Supervisor(), refuse) == ["there is no such bucket"]


def test_no_answer_says_nothing_of_files_that_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush_check, "SECONDS", 0.1)
    assert found(Supervisor(), lambda: time.sleep(60)) == []


def test_s3fs_that_has_ended_holds_nothing() -> None:
    with tempfile.TemporaryFile() as file:
        supervisor = Supervisor(file)
        supervisor.lives = False
        assert found(supervisor) == []
