"""The one kind of failure a person is told about."""

from __future__ import annotations

import sys
from collections.abc import Callable

from melda.base import arguments

Parser = arguments.Parser


class BuildError(Exception):
    """Something the person can mend, in one line: the setting, its value, what would be right."""


def exit_code(work: Callable[[], int]) -> int:
    """Do the work of a command; what a person can mend is one line and exit code 2.

    Args:
        work: returns the exit code.
    """
    try:
        return work()
    except BuildError as refused:
        print(f"melda-jupyter: {refused}", file=sys.stderr)
    except OSError as error:  # another user's file, a file where a folder should be, a full disk
        place = f"{error.filename}: " if error.filename else ""
        print(f"melda-jupyter: {place}{error.strerror or error}", file=sys.stderr)
    return 2
