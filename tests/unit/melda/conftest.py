"""The runtime is no package of this repository: it is found where it is developed, as in the image."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).resolve().parents[3] / "files" / "runtime" / "src"

from melda.base import log, regular_files, users  # noqa: E402
from melda.config import bucket, environ  # noqa: E402
from melda.config.firewall_policy import from_env  # noqa: E402


@pytest.fixture(autouse=True)
def _no_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the log are compared without the moment and the level that stand before them."""
    monkeypatch.setattr(log, "stamp", lambda _: "")


@pytest.fixture(autouse=True)
def _own_popen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program does to all that it starts (melda/base/oom.py) ends with the test in which it ran."""
    monkeypatch.setattr(subprocess, "Popen", subprocess.Popen)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[int]]:
    """Let the bucket not answer when files of a name are read: so often. Returns what is left of it."""
    read = regular_files.read

    def begin(name: str, times: int = 1) -> list[int]:
        left = [0] * times

        def failing(path: str, *given: Any, **others: Any) -> bytes:
            if left and os.path.basename(path) == name:
                left.pop()
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return read(path, *given, **others)

        monkeypatch.setattr(regular_files, "read", failing)
        return left

    return begin


@pytest.fixture(scope="session")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """$SRC as the tasks assemble it in an image."""
    folder = tmp_path_factory.mktemp("src")
    shutil.copytree(RUNTIME, folder, dirs_exist_ok=True, symlinks=True)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> environ.ImageLayout:
    """An image in a folder: a home, a project in it, an environment with a jupyter; all ours."""
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    env = tmp_path / "env" / "bin"
    env.mkdir(parents=True)
    (env / "jupyter").write_text("#!/bin/sh\n")
    (env / "jupyter").chmod(0o755)
    (env / "python").symlink_to(sys.executable)
    me = users.Account("melda", os.getuid(), os.getgid(), (os.getgid(),), str(home), "/bin/bash")
    return environ.ImageLayout(me, str(home / "project"), str(tmp_path / "env"))


@pytest.fixture
def settings(place: environ.ImageLayout) -> environ.Settings:
    """A container that was asked for nothing."""
    variables = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    return environ.Settings(place, variables, None, from_env({}, None), "", ())


@pytest.fixture
def project() -> bucket.Bucket:
    """A bucket at another S3 service."""
    keys = bucket.Credentials("KEY", "CANARY", "")
    return bucket.Bucket("bucket", "users/ada", keys, "http://127.0.0.1:9", "", False)
