"""Write 500 MB."""

import os


def act() -> None:
    block = os.urandom(1_000_000)
    with open("large.bin", "wb") as stream:
        for _ in range(500):
            stream.write(block)
