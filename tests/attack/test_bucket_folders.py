"""Folders of ours in the bucket, of which somebody wrote that they are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.container.machines import Machine
from tests.container.services import BUCKET, Service
from tests.fakes.s3 import Server

from .test_bucket import saves, settled

Run = Callable[..., Service]
VERSION = "/opt/jupyter/bin/python -c 'import platform; print(platform.python_version())'"

# Two objects of folders, by their ends, modes and contents: s3fs takes them for a file, a pipe or a link without a key.
FOLDERS = {
    "file and link": (("/", "33188", b""), ("/", "41471", b"/etc")),
    "compatible and pipe": (("_$folder$", "33188", b""), ("/", "4480", b"")),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_plugin_folders(mounted: Run, module_s3: Server, stranger: Machine, kind: str) -> None:
    """The objects of the plugin folders say that these are files, pipes or links.
    Proves: the container starts, says so, and saves what is installed."""
    python = "Python-" + stranger.run(VERSION).strip()
    r = "R-" + stranger.run("Rscript -e 'cat(format(getRversion()))'")
    folder = kind.replace(" ", "-")
    for name, (ending, mode, content) in zip((python, r), FOLDERS[kind], strict=True):
        key = f"users/{folder}/{name}{ending}"
        module_s3.client().put_object(Bucket=BUCKET, Key=key, Body=content, Metadata={"mode": mode})
    service = settled(mounted(folder).ready())
    assert "objects in the bucket are made anew" in service.logs()
    saves(service)
