"""Rename 50 files."""

import subprocess


def act() -> None:
    """Rename 50 files."""
    for number in range(50):
        subprocess.run(["mv", f"files/{number}.csv", f"files/renamed-{number}.csv"], check=True)
