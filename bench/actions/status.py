"""Ask git what has changed."""

import subprocess


def act() -> None:
    subprocess.run(["git", "-C", "repository", "status", "--short"], check=True, stdout=subprocess.DEVNULL)
