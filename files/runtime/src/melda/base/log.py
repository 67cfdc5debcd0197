"""The log: one line a step, with the time it took, on standard error; as text, or as a JSON object a line (LOG_FORMAT)."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import select
import signal
import sys
import termios
import time
from typing import Iterator, List, Optional, Protocol

PREFIX = "start-jupyter: "
FORMAT, FORMATS = "LOG_FORMAT", ("text", "json")
INFO, WARNING, ERROR = "info", "warning", "error"
# Whose line it is stands before it, where it is none of a start's steps.
SOURCE = re.compile(r"(bspm|clone|fork|hooks|jupyter|memory|paths|plugins|s3fs|upgrade): ")


class Say(Protocol):
    """Takes a line, and how much it matters."""

    def __call__(self, text: str, level: str = INFO) -> None: ...


PATIENCE = 0.2  # seconds for a terminal that takes nothing
_terminal: Optional[int] = None  # our own descriptor of the terminal that we write to; None: we write to none
users_terminal: Optional[int] = None  # the one of the user's programs; None: they write where we do
services_terminal: Optional[int] = (
    None  # the one of root's services, which must not wait either: sshd would let nobody in
)


def leave_terminal() -> None:
    """Wait for no terminal: Ctrl-S stops it, and so does whoever has it as a descriptor (tcflow(3)). PID 1 would hang.

    Ours is none that another program has: ordinary programs expect one that waits, and one that is shared could be told to.
    """
    global _terminal, users_terminal, services_terminal  # noqa: PLW0603 - of this process
    if sys.stderr.isatty():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # or tcflow(3) would stop who is in the background
        with contextlib.suppress(OSError):
            users_terminal = os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NOCTTY)
            _terminal = os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            services_terminal = os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)


def _to_terminal(terminal: int, data: bytes) -> None:
    """Write as much as the terminal takes in :data:`PATIENCE`. Nothing is kept, or the end would be a failure to write it."""
    deadline = time.monotonic() + PATIENCE
    while data and time.monotonic() < deadline:
        try:
            data = data[os.write(terminal, data) :]
        except BlockingIOError:
            # What Ctrl-S stopped goes on only if it is stopped in the other way first.
            termios.tcflow(terminal, termios.TCOOFF)
            termios.tcflow(terminal, termios.TCOON)
            select.select([], [terminal], [], PATIENCE)


def now() -> str:
    """Return the moment, in UTC."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def stamp(level: str) -> str:
    """Return what stands before a line of text: moment and level. Nothing on a host, whose journal has both."""
    return f"{now()} {level} " if PREFIX else ""


def _project() -> Optional[str]:
    bucket, folder = os.environ.get("BUCKET_NAME"), os.environ.get("PROJECT_FOLDER", "").strip("/")
    return f"s3://{bucket}/{folder}" if bucket else None


def _object(text: str, level: str, step: str, seconds: Optional[float]) -> str:
    source = SOURCE.match(text)
    fields = {
        "time": now(),
        "level": level,
        "step": step or (source.group(1) if source else None),
        "seconds": None if seconds is None else round(seconds, 3),
        "project": _project(),
        "message": text,
    }
    return json.dumps(fields)


def line(text: str, level: str = INFO, step: str = "", seconds: Optional[float] = None) -> None:
    """Write one line; control characters in it (a bucket's name, a file's) cannot make it two.

    Args:
        text: for people.
        level: how much it matters.
        step: of the start or the stop, for programs.
        seconds: that the step took, for programs; the text has them too.
    """
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    # Not from settings: what is wrong with these is a line too.
    if os.environ.get(FORMAT) == "json":
        written = _object(clean, level, step, seconds)
    else:
        written = stamp(level) + PREFIX + clean.encode("utf-8", "backslashreplace").decode()
    write(written)


def write(text: str) -> None:
    """Write a line as it is: a program's that says itself whose it is. Nothing fails with it, and nobody waits for it."""
    # One write, because the services write to the same stream.
    with contextlib.suppress(OSError, termios.error):
        # A service of root's has a terminal that does not wait: what Python kept for it would be an error at the end.
        terminal = _terminal if _terminal is not None or os.get_blocking(2) else 2
        if terminal is not None:
            _to_terminal(terminal, (text + "\n").encode("utf-8", "backslashreplace"))
            return
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def warn(text: str) -> None:
    """Write a line that somebody should read: something did not go as it should, and the container goes on."""
    line(text, WARNING)


def error(text: str) -> None:
    """Write a line that somebody must read: the container ends, or the user's work is at risk."""
    line(text, ERROR)


@contextlib.contextmanager
def step(name: str) -> Iterator[List[str]]:
    """Log ``name``, the details the block appends to the yielded list, and the seconds the block took.

    Nothing is logged if the block raises: the error is the line then.
    """
    began = time.monotonic()
    details: List[str] = []
    yield details
    seconds = time.monotonic() - began
    told = ": ".join([name] + [", ".join(details)] if details else [name])
    line(f"{told} ({seconds:.2f} s)", step=name, seconds=seconds)
