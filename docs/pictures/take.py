"""Takes the pages' pictures in headless Chromium: Jupyter's first page, and a notebook whose cells ran in the running container.

usage: .venv/bin/python docs/pictures/take.py URL  (the line `open` of make up; needs Debian's chromium)
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.container.notebook import Notebook

NOTEBOOK, TREE = (Path(__file__).with_name(name) for name in ("notebook.png", "tree.png"))
NAME = "welcome.ipynb"
CELLS = (
    "library(dplyr, warn.conflicts = FALSE)\nmtcars |> group_by(cyl) |> summarise(cars = n(), mpg = round(mean(mpg), 1))",
    "cat(R.version.string, 'as', Sys.info()[['user']], 'in', getwd())",
    ".libPaths()",
)


def output(text: str) -> dict[str, Any]:
    """A cell's output as a notebook keeps it."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def take(picture: Path, url: str, size: str) -> None:
    """Open an address, wait until it stands still, and write what is seen."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={profile}", f"--window-size={size}", "--virtual-time-budget=30000"),
                *(f"--screenshot={picture}", url),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    print(picture)


def main(url: str) -> None:
    """Run the cells in the R kernel, keep the notebook in the project, open it, take the pictures, remove it again."""
    address, token = re.fullmatch(r"(http://[^/]+)/tree\?token=(\w+)", url).groups()  # type: ignore[union-attr]
    notebook = Notebook(address, token)
    take(TREE, url, "1100,420")
    cells = []
    for number, code in enumerate(CELLS, 1):
        ran = notebook.run("ir", code)
        text = ran.stdout + "\n".join(ran.results)
        cells.append(
            {"cell_type": "code", "execution_count": number, "metadata": {}, "source": code, "outputs": [output(text)]}
        )
    kernel = {"name": "ir", "display_name": "R", "language": "R"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    file = f"{address}/api/contents/{NAME}"
    headers = {"Authorization": f"token {token}"}
    requests.put(file, json={"type": "notebook", "content": content}, headers=headers, timeout=30).raise_for_status()
    take(NOTEBOOK, f"{address}/notebooks/{NAME}?token={token}", "1100,540")
    requests.delete(file, headers=headers, timeout=30).raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1])
