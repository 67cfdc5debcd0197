"""bench/profile.py: the operations' times out of a build's log."""

from __future__ import annotations

import subprocess
import sys

from bench import profile

LOG = """#6 [stage-1 2/3] RUN --mount=type=bind,target=/deploy
#6 0.230 Get:1 http://mirror.example bookworm InRelease [151 kB]
#6 4.000 --> Starting operation: System | Upgrade installed packages
#6 4.500     [@local] No changes
#6 5.000 --> Starting operation: User | Add the user
#6 7.000 --> Results:
#6 DONE 7.5s
#7 exporting layers
#7 DONE 3.0s
#9 1.000 --> Starting operation: User | Add the user
#9 1.250 --> Results:
#9 DONE 1.3s
"""


def test_times_are_added_up_over_two_images() -> None:
    times = profile.spent(LOG.splitlines())
    assert {name: round(seconds, 2) for name, seconds in times.items()} == {
        profile.BEFORE: 5.0,
        "System | Upgrade installed packages": 1.0,
        "User | Add the user": 2.25,
        profile.AFTER: 0.55,
    }


def test_the_table_adds_up() -> None:
    lines = profile.table(profile.spent(LOG.splitlines()), rows=2).splitlines()
    assert lines[2:] == [
        f"| {profile.BEFORE} | 5.0 | 57% |",
        "| User: Add the user | 2.2 | 26% |",
        "| the other 2 | 1.6 | 18% |",
        "| all | 8.8 | 100% |",
    ]


def test_the_command_of_the_docs() -> None:
    argv = [sys.executable, "-m", "bench.profile"]
    done = subprocess.run(argv, input=LOG, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "| all | 8.8 | 100% |"
