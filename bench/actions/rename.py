"""Rename 50 files."""

import subprocess


def act() -> None:
    for number in range(50):
        subprocess.run(["mv", f"files/{number}.csv", f"files/renamed-{number}.csv"], check=True)
