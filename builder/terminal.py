"""The screen of a build in a terminal, where each step is one line that moves."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from builder.screen import OPERATION, Plain, Verbose

# Columns of what a step does.
WIDTH = 52
COUNT = re.compile(r"\[(\d+)/(\d+)\]")


def moves(console: Console | None = None) -> bool:
    """Return whether this terminal can move lines, and show what they are made of."""
    console = console or Console()
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


class Terminal(Plain):
    """Each step is one line that moves: a spinner, a bar once it is known of how many operations, the time."""

    def __init__(self, log: TextIO | None = None, console: Console | None = None) -> None:
        super().__init__(log)
        self.console = console or Console(highlight=False)
        self.progress: Progress | None = None
        self.task = TaskID(0)
        self.has_failed = False

    def say(self, text: str) -> None:
        self.write(text + "\n")
        self.console.print(text, markup=False, soft_wrap=True)

    def show(self, line: str, cleaned: str) -> None:
        if self.progress is None or not cleaned.strip():
            return
        operation, count = OPERATION.search(cleaned), COUNT.fullmatch(cleaned.strip())
        if count:
            self.progress.update(self.task, completed=int(count[1]) - 1, total=int(count[2]))
        elif operation or not self.note:
            # Before pyinfra runs, whatever is said shows that something moves.
            self.note = operation[1] if operation else ""
            self.progress.update(self.task, note=self.note or cleaned.strip())

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.note = ""
        rest = Column(no_wrap=True, ratio=1, overflow="ellipsis")
        note = TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=rest)
        spinner = SpinnerColumn(finished_text="[green]✓")
        self.progress = Progress(
            spinner, TextColumn(f"{{task.description:<{WIDTH}}}", markup=False),
            TimeElapsedColumn(), BarColumn(bar_width=16), note, console=self.console, expand=True,
        )  # fmt: skip
        try:
            with self.progress, Verbose.step(self, title):
                self.task = self.progress.add_task(title, total=None, note="")
                try:
                    yield
                except BaseException:
                    spinner.finished_text = Text("✗", style="red")
                    self.progress.update(self.task, total=1, completed=1, note="")
                    raise
                self.progress.update(self.task, total=1, completed=1, note="")
        finally:
            self.progress = None
            if self.has_failed:
                self.failed()

    def failed(self) -> None:
        # Not into the line that moves, which is still there.
        self.has_failed = self.progress is not None
        if not self.has_failed:
            super().failed()
