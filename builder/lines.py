"""What a person sees of a build where no line moves: all of its output, or a line for each step."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import TextIO

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
