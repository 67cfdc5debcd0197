"""Programs that the sync daemon starts: found in the system's folders, never in one that the user may write."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from typing import IO, Any, Collection, Dict, Optional, Sequence, Union

from melda.base.addresses import hide

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Of their own: TAR_OPTIONS and ZSTD_CLEVEL of somebody's environment change what they do; messages are read here.
VARIABLES = {"PATH": PATH, "LC_ALL": "C"}
# Where memory runs out they end before the sync daemon does, which tries again.
CHOOM = ("choom", "-n", "500", "--")
SHOWN = 5  # names in a line
LAST = 4096  # bytes of what a program says that are kept

Stream = Union[int, IO[Any]]


def argv(program: str, *arguments: str) -> Sequence[str]:
    """Return the command line.

    Args:
        program: a name, or an absolute path.
        arguments: of it.

    Raises:
        FileNotFoundError: there is no such program.
    """
    path = shutil.which(program, path=PATH)
    if not path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    choom = shutil.which(CHOOM[0], path=PATH)
    return [*((choom, *CHOOM[1:]) if choom else ()), path, *arguments]


def start(
    command: Sequence[str],
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = subprocess.PIPE,
    variables: Optional[Dict[str, str]] = None,
) -> subprocess.Popen[bytes]:
    """Start a program.

    Args:
        command: its name or absolute path, and arguments.
        stdin, stdout, stderr: as :class:`subprocess.Popen` takes them.
        variables: its environment, but for PATH; None: nothing but that.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        argv(*command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=VARIABLES if variables is None else {**variables, "PATH": PATH},
    )


def said(process: subprocess.Popen[bytes], before: bytes = b"") -> bytes:
    """Return what a running program has written to its standard error since it was asked: read, so that it never waits for us.

    Args:
        process: whose standard error is a pipe.
        before: what was read earlier.

    Returns:
        The end of all of it.
    """
    if process.stderr is None or process.stderr.closed:
        return before
    os.set_blocking(process.stderr.fileno(), False)
    for _ in range(64):
        part = process.stderr.read(LAST)
        if not part:
            break
        before = (before + part)[-LAST:]
    return before


def last_line(text: bytes) -> str:
    """Return the last line of a program's output, fit for a log; empty if there is none."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return shown(lines[-1], 300) if lines else ""


def shown(text: str, longest: int = 80) -> str:
    """Return a name or a line that somebody else chose, as it can be shown: one line, not too long, no password of an address."""
    text = "".join(char if char.isprintable() else "?" for char in hide(text))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def names(found: Collection[str]) -> str:
    """Return some of these, for people, and how many more there are."""
    some = ", ".join(shown(name) for name in sorted(found)[:SHOWN])
    return some + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
