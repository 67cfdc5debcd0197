"""What the caller is shown, by whose rights, and how long a slow reader is waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from melda.bspm import relay


def through(data: bytes, target: int, patience: float = 5.0) -> None:
    reading, writing = os.pipe()
    copier = threading.Thread(target=relay.copy, args=(reading, target, patience))
    copier.start()
    with os.fdopen(writing, "wb") as stream:
        stream.write(data)
    copier.join(30)
    assert not copier.is_alive()
    os.close(reading)


def test_everything_arrives(tmp_path: Path) -> None:
    path = tmp_path / "shown"
    target = os.open(path, os.O_WRONLY | os.O_CREAT)
    through(b"x" * 1_000_000, target)
    os.close(target)
    assert path.stat().st_size == 1_000_000


def test_a_reader_that_sleeps_is_given_up(tmp_path: Path) -> None:
    reading, target = os.pipe()
    os.set_blocking(target, False)
    through(b"x" * 1_000_000, target, patience=0.1)
    os.close(target)
    os.close(reading)


def test_a_reader_that_is_gone_or_was_never_there(tmp_path: Path) -> None:
    reading, target = os.pipe()
    os.close(reading)
    through(b"x" * 1000, target)
    os.close(target)
    through(b"x" * 1000, -1)


def test_errors_are_appended_to_where_they_go(tmp_path: Path) -> None:
    """Not interrupted, as opening for writing alone would."""
    path = tmp_path / "errors"
    path.write_text("before\n")
    errors = os.dup(2)
    try:
        with path.open("a") as stream:
            os.dup2(stream.fileno(), 2)
        target = relay.standard_error_of(os.getpid())
    finally:
        os.dup2(errors, 2)
        os.close(errors)
    os.write(target, b"after\n")
    os.close(target)
    assert path.read_text() == "before\nafter\n"


def test_no_such_process() -> None:
    assert relay.standard_error_of(2**22 + 1) == -1


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody")
@pytest.mark.parametrize(("uid", "shown"), [(0, "é\nlast\n"), (65534, ""), (4_000_000, "")])
def test_a_caller_is_shown_only_what_its_own_rights_can_open(tmp_path: Path, uid: int, shown: str) -> None:
    """The file is root's: nobody, and who is no user at all, cannot have it written to by naming root's process."""
    path = tmp_path / "errors"
    code = """if True:
        import os, sys
        sys.path.insert(0, sys.argv[1])
        from melda.bspm import relay
        with relay.to(int(sys.argv[2]), os.getpid()) as say:
            say("é\\n")
            say("last\\n")
    """
    with path.open("w") as errors:
        argv = [sys.executable, "-c", code, str(Path(relay.__file__).parents[2]), str(uid)]
        subprocess.run(argv, stderr=errors, check=True, timeout=20)
    assert path.read_text() == shown


def test_a_caller_that_stops_what_shows_it_the_text_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a process of the caller's; apt, whose text it is, holds its locks meanwhile."""
    children: list[int] = []

    def fork() -> int:
        children.append(forks())
        return children[-1]

    forks = os.fork
    monkeypatch.setattr(os, "fork", fork)
    reading, writing = os.pipe()
    errors = os.dup(2)
    try:
        os.dup2(writing, 2)

        def call() -> None:
            with relay.to(os.getuid(), os.getpid(), 0.2) as say:
                os.kill(children[-1], signal.SIGSTOP)
                for _ in range(100):
                    say(5000 * "x")

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        caller.join(10)
        over = not caller.is_alive()
    finally:
        os.dup2(errors, 2)
        for number in (errors, reading, writing):
            os.close(number)
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
    assert over
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0], os.WNOHANG)
