"""Install and remove packages all the time, and note when: a program that runs as the user inside of a container.

Arguments: the folder of Python's packages, that of R's, pip. It says "going" once each of them has changed, goes on until
its standard input ends, and prints then what it did, as JSON: kind -> changes in order, each a list of the time before
it, the time after it and the version from then on, null for none.

Written by hand are a Python distribution and an R package, as quickly as it goes; beside them pip installs two
versions of a package in turn and removes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator

PAUSE = 0.02
PYTHON, R, PIP = "melda-churn", "melda.churn", "melda-churn-pip"


class Changes:
    """What was done, and when."""

    def __init__(self) -> None:
        self.all: dict[str, list[tuple[float, float, str | None]]] = {PYTHON: [], R: [], PIP: []}

    @contextlib.contextmanager
    def noted(self, kind: str, *versions: str | None) -> Iterator[None]:
        """The block makes the package have these versions, one after the other."""
        before = time.time()
        yield
        after = time.time()
        self.all[kind] += [(before, after, version) for version in versions]


def by_hand(changes: Changes, number: int, python: str, r: str) -> None:
    """One more version in each folder, then none."""
    unfinished = os.path.join(python, ".melda-churn")
    name = os.path.join(python, f"melda_churn-{number}.dist-info")
    os.makedirs(unfinished)
    with open(os.path.join(unfinished, "METADATA"), "w") as stream:
        stream.write(f"Name: {PYTHON}\nVersion: {number}\n")
    with changes.noted(PYTHON, str(number)):
        os.rename(unfinished, name)
    with changes.noted(R, str(number)):
        os.makedirs(os.path.join(r, R))
        with open(os.path.join(r, R, "DESCRIPTION.new"), "w") as stream:
            stream.write(f"Package: {R}\nVersion: {number}\n")
        os.rename(os.path.join(r, R, "DESCRIPTION.new"), os.path.join(r, R, "DESCRIPTION"))
    time.sleep(PAUSE)
    with changes.noted(PYTHON, None):
        shutil.rmtree(name)
    with changes.noted(R, None):
        shutil.rmtree(os.path.join(r, R))


def wheel(folder: str, version: str) -> str:
    """Return a wheel without content; returns its path."""
    path = os.path.join(folder, f"melda_churn_pip-{version}-py3-none-any.whl")
    info = f"melda_churn_pip-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PIP}\nVersion: {version}\n")
        packed.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def by_pip(changes: Changes, pip: str, wheels: list[str], ended: threading.Event) -> None:
    """Install the wheels in turn and remove what they bring, again and again."""

    def call(*arguments: str) -> None:
        subprocess.run([pip, *arguments], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    while not ended.is_set():
        for version, path in enumerate(wheels, 1):
            # Between two versions there is none.
            with changes.noted(PIP, None, str(version)):
                call("install", "--quiet", "--no-index", "--no-deps", path)
        with changes.noted(PIP, None):
            call("uninstall", "--quiet", "--yes", PIP)


def until_told(ended: threading.Event) -> None:
    """Wait until standard input ends."""
    sys.stdin.read()
    ended.set()


def main() -> int:
    """See above."""
    python, r, pip = sys.argv[1:]
    changes, ended, number = Changes(), threading.Event(), 0
    with tempfile.TemporaryDirectory() as folder:
        wheels = [wheel(folder, "1"), wheel(folder, "2")]
        threads = [
            threading.Thread(target=by_pip, args=(changes, pip, wheels, ended)),
            threading.Thread(target=until_told, args=(ended,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        output = False
        while not ended.is_set():
            number += 1
            by_hand(changes, number, python, r)
            if not output and changes.all[PIP]:
                output = True
                print("going", flush=True)
        threads[0].join()
    print(json.dumps(changes.all))
    return 0


if __name__ == "__main__":
    sys.exit(main())
