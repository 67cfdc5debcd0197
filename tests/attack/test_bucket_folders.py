"""Folders of ours in the bucket, of which somebody wrote that they are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.container.machines import Machine
from tests.container.services import BUCKET, Service
from tests.fakes.s3 import Server

from .test_bucket import saves, settled
from .tools import plugins

Run = Callable[..., Service]
STATE = ".melda-jupyter"
VERSION = "/opt/jupyter/bin/python -c 'import platform; print(platform.python_version())'"

# Two objects of folders, by their ends, modes and contents: s3fs takes them for a file, a pipe or a link without a key.
FOLDERS = {
    "file and link": (("/", "33188", b""), ("/", "41471", b"/etc")),
    "compatible and pipe": (("_$folder$", "33188", b""), ("/", "4480", b"")),
}


def start(mounted: Run, s3: Server, folder: str, names: tuple[str, str], kind: str) -> Service:
    """Start a container whose bucket says so of two folders."""
    for name, (ending, mode, content) in zip(names, FOLDERS[kind], strict=True):
        key = f"users/{folder}/{name}{ending}"
        s3.client().put_object(Bucket=BUCKET, Key=key, Body=content, Metadata={"mode": mode})
    service = settled(mounted(folder).ready())
    assert "objects of our folders in the bucket are made anew" in service.logs()
    return service


@pytest.mark.parametrize("kind", FOLDERS)
def test_plugin_folders(mounted: Run, module_s3: Server, stranger: Machine, kind: str) -> None:
    """The objects of the plugin folders say that these are files, pipes or links.
    Proves: the container starts, says so, and saves what is installed."""
    python = "Python-" + stranger.run(VERSION).strip()
    r = "R-" + stranger.run("Rscript -e 'cat(format(getRversion()))'")
    saves(start(mounted, module_s3, kind.replace(" ", "-"), (python, r), kind))


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_of_what_is_saved(mounted: Run, module_s3: Server, stranger: Machine, kind: str) -> None:
    """The objects of .melda-jupyter and of a folder in it say so, in a project with saved packages.
    Proves: what was saved is there, and what is installed is saved."""
    python, folder = "Python-" + stranger.run(VERSION).strip(), "saved-" + kind.replace(" ", "-")
    first = mounted(folder).ready()
    saves(first)
    first.stop()
    service = start(mounted, module_s3, folder, (f"{STATE}/{python}", STATE), kind)
    assert "later" in service.run(f"ls {plugins(service).site}")
    saves(service)
