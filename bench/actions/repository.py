"""Make a repository, and 200 files in it."""

import os
import subprocess


def act() -> None:
    subprocess.run(["git", "init", "--quiet", "repository"], check=True)
    os.mkdir("repository/src")
    for number in range(200):
        with open(f"repository/src/{number}.py", "w") as stream:
            stream.write(f"print({number})\n")
