"""Run this program as the notebook's user, where root called it: root must not follow the user's links.

Not in this process. The user may look into its own processes (ptrace): it would find root's environment, credentials among it,
and root's terminal, into which it could type (ioctl TIOCSTI), or from which it could read.
"""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
import unicodedata
from typing import IO, Dict, List, Mapping

from melda.base import processes
from melda.config import environ

# On a terminal others could move the cursor, or answer in the caller's name: those of two bytes in UTF-8 too.
KEPT = "\n\r\t"


def variables(place: environ.ImageLayout, process: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment of the user's process: what is not hidden from the user.

    Args:
        place: whose home it is.
        process: of this process.
    """
    visible = {name: value for name, value in process.items() if not environ.is_hidden(name)}
    user = place.user
    return {**visible, "HOME": user.home, "USER": user.name, "LOGNAME": user.name, "SHELL": user.shell}


def _is_shown(char: str) -> bool:
    return char.isprintable() or char in KEPT or unicodedata.category(char) == "Zs"  # French has blanks of its own


def _copy(source: IO[bytes], target: int) -> None:
    shown, text = os.isatty(target), codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in iter(lambda: os.read(source.fileno(), 65536), b""):
        data = chunk
        if shown:
            data = "".join(filter(_is_shown, text.decode(chunk))).encode()
        while data:
            try:
                data = data[os.write(target, data) :]
            except BrokenPipeError:
                target, data = os.open(os.devnull, os.O_WRONLY), b""


def run(place: environ.ImageLayout, argv: List[str]) -> int:
    """Run a program as the user, in a session of its own, and show what it writes.

    Args:
        place: the user, and the image.
        argv: the program and its arguments.

    Returns:
        Its exit code; 128 + N if signal N killed it.
    """
    given = subprocess.DEVNULL if os.isatty(0) else 0
    with subprocess.Popen(
        argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables(place, os.environ),
        # Before exec, in a process without threads.
        preexec_fn=processes.as_account(place.user),  # noqa: PLW1509
    ) as child:  # fmt: skip
        assert child.stdout and child.stderr  # nosec B101 # noqa: S101 they are pipes
        copying = [threading.Thread(target=_copy, args=pair) for pair in ((child.stdout, 1), (child.stderr, 2))]
        for thread in copying:
            thread.start()
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)  # it has no terminal that could tell it
            code = child.wait()
        for thread in copying:
            thread.join()
    return code if code >= 0 else 128 - code


def program(place: environ.ImageLayout) -> List[str]:
    """Return this program with its arguments, by the image's own Python, which looks into no folder of the user's."""
    python = os.path.join(place.python_env, "bin", "python")
    chosen = [python, "-IB"] if os.access(python, os.X_OK) else [sys.executable, "-IBS"]
    return [*chosen, os.path.abspath(sys.argv[0]), *sys.argv[1:]]


def go_on(place: environ.ImageLayout) -> None:
    """Go on with the image's own Python, which has what reads versions and formats, unless this process is it already."""
    python = os.path.join(place.python_env, "bin", "python")
    if os.path.realpath(sys.prefix) != os.path.realpath(place.python_env) and os.access(python, os.X_OK):
        os.execv(python, [python, "-IB", os.path.abspath(sys.argv[0]), *sys.argv[1:]])  # noqa: S606 # nosec B606
