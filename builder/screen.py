"""What a person sees of a build: a line for each step, with what it does and its time. Its whole output is in a file.

``VERBOSE=1`` shows the output itself. Where there is no terminal, lines do what a moving bar does in one.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from builder.lines import Plain, Verbose

# Seconds that a program gets to end when somebody presses Ctrl-C; the whole has two.
GRACE = 1.0


_current: Verbose = Verbose()


def current() -> Verbose:
    """Return the screen in use; one that shows everything, if nobody has set up another."""
    return _current


def say(text: str) -> None:
    """Show text that is for a person."""
    _current.say(text)


def step(title: str) -> contextlib.AbstractContextManager[None]:
    """Do one step of the work, of which ``title`` says what it does."""
    return _current.step(title)


@contextlib.contextmanager
def shown(log: Path, verbose: bool) -> Iterator[None]:
    """Show what is done here to a person.

    Args:
        log: file that gets the whole output.
        verbose: all of it is shown as well.
    """
    global _current  # noqa: PLW0603 - there is one terminal
    log.parent.mkdir(parents=True, exist_ok=True)
    before = _current
    with log.open("w", encoding="utf-8", errors="replace") as stream:
        kind: type[Verbose] = Verbose
        if not verbose:
            # A JupyterHub that imports the builder's modules has no rich.
            terminal = importlib.import_module("builder.terminal")
            kind = terminal.Terminal if terminal.moves() else Plain
        try:
            _current = kind(stream)
            yield
        finally:
            _current = before


@contextlib.contextmanager
def _later() -> Iterator[None]:
    """Hear of Ctrl-C only at the end: a program that is being started could not be ended, because it is not known yet."""
    heard: list[tuple[int, FrameType | None]] = []
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *told: heard.append(told)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for told in heard[:1]:
        handler = before[signal.Signals(told[0])]
        if callable(handler):
            handler(*told)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program with all that it started: first as Ctrl-C does, then at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(command: list[str], environment: dict[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run a program whose output goes to the screen and to the log.

    Args:
        command: the program and its arguments.
        environment: its environ; None: this process's.
        cwd: its folder; None: this process's.

    Returns:
        Its exit code.
    """
    process: subprocess.Popen[str] | None = None
    try:
        with _later():
            # A group of its own, so that Ctrl-C reaches it once, from here, with whatever it started.
            process = subprocess.Popen(
                command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
        for line in process.stdout or ():
            _current.output(line)
        code = process.wait()
    except BaseException:
        if process:
            _end(process)
        raise
    finally:
        if process and process.stdout:
            process.stdout.close()
    if code:
        _current.failed()
    return code
