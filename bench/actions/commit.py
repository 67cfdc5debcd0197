"""Commit 200 files."""

import subprocess


def act() -> None:
    git = ["git", "-C", "repository", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Add 200 files"], check=True)
