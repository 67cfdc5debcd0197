"""Is somebody installing Python packages right now? (R says so itself, by its 00LOCK folders.)"""

from __future__ import annotations

import os
import re
from typing import List

from melda.base.addresses import hide

PROGRAM = re.compile(r"(pip[0-9.]*|uv|poetry|pdm|conda|mamba)")
LONGEST = 4096  # bytes of a command line that are read
WORK = {"install", "uninstall", "sync", "add", "remove", "update", "upgrade"}


def is_one(argv: List[str]) -> bool:
    """Is this the command line of a program that changes installed packages?"""
    return any(PROGRAM.fullmatch(os.path.basename(word)) for word in argv[:6]) and bool(WORK & set(argv))


def running(proc: str = "/proc") -> str:
    """Return the command line of one that runs, for people: no password of an address; empty if there is none.

    Args:
        proc: where processes are listed.
    """
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                with open(os.path.join(proc, name, "cmdline"), "rb") as stream:
                    text = stream.read(LONGEST)
            except OSError:
                continue  # it has ended
            argv = text.decode("utf-8", "replace").split("\0")
            if len(text) == LONGEST:
                del argv[-1]  # half a word, and of an address perhaps the half with the password
            if is_one(argv):
                return " ".join(map(hide, argv[:6])).strip()
    return ""
