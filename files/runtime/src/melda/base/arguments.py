"""Command lines whose errors are one line, as all others: argparse's own are its usage, and then what is wrong."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

# argparse's lines, and ours for the same.
SAID = (
    (r"argument (.+?): invalid choice: (.+?) \(choose from (.+)\)", "invalid {0}={1}: expected one of {2}"),
    (r"argument (.+?): invalid ('.*?'): (expected .+)", "invalid {0}={1}: {2}"),
    (r"argument (.+?): expected one argument", "invalid {0}: expected a value"),
    (r"argument (.+?): (expected .+|ignored .+|not allowed .+)", "invalid {0}: {1}"),
    (r"unrecognized arguments: (.+)", "invalid '{0}': expected what --help lists"),
    (r"the following arguments are required: (.+)", "invalid request: expected {0}"),
)


def one_line(message: str) -> str:
    """Return what argparse says in our form, in one line."""
    clean = "".join(char if char.isprintable() else "?" for char in message)
    for pattern, ours in SAID:
        found = re.fullmatch(pattern, clean)
        if found:
            groups = list(found.groups())
            return ours.format(*groups[:-1], groups[-1].replace("'", "") if "one of" in ours else groups[-1])
    return f"invalid request: {clean}"


class Parser(argparse.ArgumentParser):
    """The same, with errors of one line; those of its commands too, as argparse makes them of this class."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with 2."""
        self.exit(2, f"{self.prog}: {one_line(message)}\n")
