"""The one kind of failure a person is told about."""

from __future__ import annotations


class BuildError(Exception):
    """Something the person can mend, in one line: the setting, its value, what would be right."""
