"""What a browser asks of Jupyter while the project's storage does not answer: none of it may keep the rest waiting."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests

from .notebook import Kernel, Notebook
from .services import Service

NOTEBOOK = {
    "type": "notebook",
    "format": "json",
    "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
}
# Each looks at the project, and is done when that answers.
ASKED: dict[tuple[str, str], Any] = {
    ("PUT", "/api/contents/folder/kept.txt"): {"type": "file", "format": "text", "content": "saved"},
    ("GET", "/api/contents"): None,
    ("GET", "/api/contents/a.ipynb?hash=1"): None,
    ("POST", "/api/contents/a.ipynb/checkpoints"): None,
    ("GET", "/files/folder/a.txt"): None,
    ("HEAD", "/files/folder/a.txt"): None,
    ("GET", "/view/folder/a.txt"): None,
    ("GET", "/api/resolvePath?path=folder/a.txt"): None,
    ("GET", "/api/nbconvert"): None,
    ("POST", "/nbconvert/html"): {"name": "a.ipynb", "content": NOTEBOOK["content"]},
    ("GET", "/lab/api/settings"): None,
    ("GET", "/lab/api/settings/@jupyterlab/apputils-extension:themes"): None,
    ("GET", "/lab/api/themes/@jupyterlab/theme-light-extension/index.css"): None,
    ("GET", "/lab/api/translations"): None,
    ("GET", "/lab/api/licenses"): None,
    ("GET", "/lab/api/workspaces/default"): None,
    ("GET", "/lab/extensions/@jupyter-widgets/jupyterlab-manager/package.json"): None,
    ("GET", "/kernelspecs/python3/logo-64x64.png"): None,
    ("GET", "/custom/custom.css"): None,
    ("GET", "/nbconvert/html/a.ipynb"): None,
    ("GET", "/lab/tree/a.ipynb"): None,
    ("GET", "/notebooks/a.ipynb"): None,
    ("GET", "/tree"): None,
    ("GET", "/api/kernelspecs"): None,
    ("POST", "/api/kernels"): {"name": "ir"},
    ("POST", "/api/sessions"): {
        "path": "folder/a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"},
    },
    ("POST", "/api/terminals"): {"cwd": "folder"},
}  # fmt: skip
AT_ONCE = 5.0  # seconds


class Hanging:
    """A container whose storage will not answer, and its kernels.

    Args:
        service: is ready.
    """

    def __init__(self, service: Service) -> None:
        # Docker itself waits for such a container, also if it is only asked for its address.
        self.notebook: Notebook = service.notebook
        self._service = service
        self.notebook.request("PUT", "/api/contents/a.ipynb", NOTEBOOK)
        service.run("mkdir -p folder && echo a >folder/a.txt", "melda")
        self._kernels: list[tuple[Kernel, str]] = [
            (self.notebook.start("python3"), "2"),
            (self.notebook.start("ir"), "[1] 2"),
        ]
        for kernel, _ in self._kernels:
            kernel.run("1+1")
        self.notebook.request("GET", "/api/nbconvert")  # loads modules, the first time, for seconds on a busy host
        self.answers: dict[tuple[str, str], int] = {}
        self._threads = [threading.Thread(target=self._ask, args=(what, body)) for what, body in ASKED.items()]

    def _ask(self, what: tuple[str, str], body: object) -> None:
        notebook = self.notebook
        answer = requests.request(what[0], notebook.url + what[1], json=body, headers=notebook.headers, timeout=120)
        self.answers[what] = answer.status_code

    def check_others_are_served(self) -> None:
        """A cell, and what Jupyter knows by itself, come at once; that more than once, as a page asks again and again."""
        for thread in self._threads:
            thread.start()
        for _ in range(3):
            for kernel, result in self._kernels:
                assert kernel.run("1+1", timeout=AT_ONCE).results == [result]
            began = time.monotonic()
            assert self.notebook.request("GET", "/api/kernels").ok
            assert time.monotonic() - began < AT_ONCE

    def check_nothing_is_lost(self) -> None:
        """Storage answers again: so does all that waited for it."""
        for thread in self._threads:
            thread.join()
        for kernel, _ in self._kernels:
            kernel.close()
        assert {what: status for what, status in self.answers.items() if not 200 <= status < 300} == {}
        assert len(self.answers) == len(ASKED)
        assert self._service.run("cat folder/kept.txt", "melda") == "saved"
        folders = self._service.run("readlink $(pgrep -x bash | sed 's|.*|/proc/&/cwd|')", "melda", check=False)
        assert any(line.endswith("/folder") for line in folders.splitlines()), (
            "the terminal is where it was asked to be"
        )
