"""What a person sees of a build: a line for each step, with what it does and its time. Its whole output is in a file.

``VERBOSE=1`` shows the output itself. Where there is no terminal, lines do what a moving bar does in one.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from builder.errors import BuildError, hint

# Seconds that a program gets to end when somebody presses Ctrl-C; the whole has two.
GRACE = 1.0
# Lines of output that are shown where a step failed.
SHOWN = 12
# Seconds between two lines of a step where there is no terminal.
QUIET = 30.0
_BUILDKIT = re.compile(r"^#\d+ (?:\d+\.\d+ ?)?")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OPERATION = re.compile(r"--> Starting operation: (.+?)(?: \(.*\))?$")
# What BuildKit puts around the output of the step that failed: its steps, rulers, and a piece of the Dockerfile.
_FRAME = re.compile(
    r"-{4,}|> \[.*\].*|\[\S+ +\d+/\d+\] .*|\S*Dockerfile\S*:\d+|\d+ \| .*|DONE .*|CACHED"
    r"|(?:ERROR: )?(?:process|executor failed) .*|sha256:[0-9a-f]{64}.*|\[internal\] .*|transferring .*|\.{3}"
)
_FAILED = re.compile(r"ERROR: failed to (?:solve|build).*")


def _print(text: str, end: str = "\n") -> None:
    # A program's output may hold what this terminal cannot show.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)


class Verbose:
    """Shows everything as it comes, and writes it to a log if there is one. What the others have in common.

    Args:
        log: file that gets the whole output; None: there is none.
    """

    def __init__(self, log: TextIO | None = None) -> None:
        self.log = log
        self.last: deque[str] = deque(maxlen=400)

    def write(self, text: str) -> None:
        """Write text to the log."""
        if self.log:
            self.log.write(text)
            self.log.flush()

    def say(self, text: str) -> None:
        """Show text that is for a person."""
        self.write(text + "\n")
        _print(text)

    def output(self, line: str) -> None:
        """Take one line of a program's output."""
        self.write(line)
        self.last.append(_BUILDKIT.sub("", _COLOUR.sub("", line)).rstrip())
        self.show(line, self.last[-1])

    def show(self, line: str, cleaned: str) -> None:
        """Show one line of a program's output, or what it tells."""
        _print(line, "")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Do one step of the work, of which ``title`` says what it does."""
        self.write(f"== {title}\n")
        self.last.clear()
        yield

    def failed(self) -> None:
        """Show the last lines that matter of a program that failed."""


class Plain(Verbose):
    """Lines, for a file or a CI: when a step begins, what it does every half minute, how long it took."""

    def __init__(self, log: TextIO | None = None) -> None:
        super().__init__(log)
        self.title, self.note, self.said = "", "", 0.0

    def show(self, line: str, cleaned: str) -> None:
        operation = OPERATION.search(cleaned)
        self.note = operation[1] if operation else self.note
        if self.note and time.monotonic() - self.said > QUIET:
            self.said = time.monotonic()
            print(f"  {self.title}: {self.note}", flush=True)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.title, self.note, self.said = title, "", time.monotonic()
        began = self.said
        print(f"  {title} ...", flush=True)
        with super().step(title):
            yield
        print(f"  {title}: {time.monotonic() - began:.0f} s", flush=True)

    def failed(self) -> None:
        lines = telling(list(self.last))
        self.say("\n".join(["", *(f"    {line}" for line in lines), ""]) if lines else "")
        if self.log:
            self.say(f"whole output: {os.path.relpath(self.log.name)}")


def telling(lines: list[str]) -> list[str]:
    """Return the last lines that say why a program failed, without what BuildKit puts around them."""
    kept: list[str] = []
    for line in lines:
        if line.strip() and not _FRAME.fullmatch(line.strip()) and not _FAILED.fullmatch(line.strip()):
            text = line.strip()
            # BuildKit repeats the last lines of the step.
            if text in kept:
                kept.remove(text)
            kept.append(text)
    return kept[-SHOWN:]


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


def require(
    what: str, outcome: str, command: list[str], environment: dict[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Run a program as :func:`run` does.

    Args:
        what, outcome: for the message: what the program does, what comes of it when it fails.
        command, environment, cwd: see :func:`run`.

    Raises:
        BuildError: it failed.
    """
    if run(command, environment, cwd):
        raise BuildError(f"{what} failed: the line that says why is above; {outcome}" + hint(_current.last))
