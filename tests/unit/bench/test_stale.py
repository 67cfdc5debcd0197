"""How old an answer is."""

from __future__ import annotations

import math

import pytest

from bench import stale

# 1 is installed from 10 to 11 o'clock, replaced from 20 to 21, removed from 30 to 31.
CHANGES = [(10.0, 11.0, "1"), (20.0, 21.0, None), (20.0, 21.0, "2"), (30.0, 31.0, None)]


@pytest.mark.parametrize(
    ("asked", "answered", "seen", "seconds"),
    [
        (5, 6, None, 0),
        (5, 6, "1", math.inf),  # it is told before it was there
        (5, 10.5, "1", 0),  # half installed, it may be told or not
        (10.5, 10.6, None, 0),
        (12, 13, "1", 0),
        (12, 13, None, 1),
        (20.5, 20.6, None, 0),  # between two versions
        (22, 23, "1", 1),
        (22, 23, "2", 0),
        (35, 36, "2", 4),
        (35, 36, "1", 14),
        (35, 36, None, 0),
        (35, 36, "3", math.inf),
    ],
)
def test_an_answer_is_as_old_as_the_last_moment_at_which_it_was_true(
    asked: float, answered: float, seen: str | None, seconds: float
) -> None:
    assert stale.seconds(CHANGES, asked, answered, seen) == seconds


def test_without_changes_nothing_is_installed() -> None:
    assert stale.seconds([], 1, 2, None) == 0
    assert stale.seconds([], 1, 2, "1") == math.inf
