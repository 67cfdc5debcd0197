"""Make 50 files."""

import os


def act() -> None:
    os.mkdir("files")
    for number in range(50):
        with open(f"files/{number}.csv", "w") as stream:
            stream.write("1,2,3\n" * 200)
