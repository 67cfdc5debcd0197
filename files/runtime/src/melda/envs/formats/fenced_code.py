"""Fences of Python, IPython and R in a document: R Markdown's, Quarto's, MyST's, and those of any README."""

from __future__ import annotations

from functools import lru_cache
from typing import Callable, Dict, Set, Tuple

from melda.envs.formats import fences, ipython

NAMES: Dict[str, str] = {
    "python": ipython.PYTHON, "python3": ipython.PYTHON, "py": ipython.PYTHON, "ipython": ipython.PYTHON,
    "ipython3": ipython.PYTHON, "codecell": ipython.PYTHON, "jupyter": ipython.PYTHON, "r": ipython.R, "rstats": ipython.R,
}  # fmt: skip


@lru_cache(maxsize=2)  # what it says is asked for, and then what of it is not read
def read(text: str, command: Callable[..., str]) -> Tuple[ipython.Lines, ipython.Lines, Set[int]]:
    """Return what such fences install, what of them is not read, and the numbers of their lines.

    Args:
        text: the document's.
        command: returns what of a shell's line installs.
    """
    lines, cells = text.splitlines(), []
    theirs: Set[int] = set()
    for name, inside in fences.read(text):
        if name in NAMES and inside:
            cells.append(ipython.Cell(inside[0] + 1, NAMES[name], "\n".join(lines[at] for at in inside)))
            theirs.update(at + 1 for at in inside)
    found, unread = ipython.commands_of(cells, command) if cells else ([], [])
    return found, unread, theirs
