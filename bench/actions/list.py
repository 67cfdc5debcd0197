"""List a folder as Jupyter's file browser does: names, sizes and times."""

import os


def act() -> None:
    assert sum(entry.stat().st_size for entry in os.scandir("files")) == 50 * 1200
