"""A plugin folder as installers change it, and the life of a container with its daemon."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from melda.base.log import Say
from melda.sync.synced_dir import SyncedDir

NAME = "Python-3.11.2"
SITE = "lib/python3.11/site-packages"


def install(root: Path, name: str, version: str, recorded: bool = True) -> None:
    """What an installer does."""
    site = root / SITE
    remove(root, name)
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text(f"V = {version!r}\n")
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin" / name).write_text(f"#!{version}\n")
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\n")
    if recorded:
        (info / "RECORD").write_text(
            f"{name}/__init__.py,,\n../../../bin/{name},,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n"
        )


def remove(root: Path, name: str) -> None:
    site = root / SITE
    for path in [site / name, *site.glob(f"{name}-*.dist-info")]:
        shutil.rmtree(path, ignore_errors=True)
    (root / "bin" / name).unlink(missing_ok=True)


def found(root: Path) -> dict[str, str]:
    """Name -> version of what can be imported; each must be whole."""
    versions = {}
    for info in (root / SITE).glob("*.dist-info"):
        name, version = info.name.removesuffix(".dist-info").split("-")
        assert name not in versions, "one version of a package"
        assert (root / SITE / name / "__init__.py").read_text() == f"V = {version!r}\n"
        assert (root / "bin" / name).read_text() == f"#!{version}\n"
        versions[name] = version
    assert {path.name for path in (root / SITE).glob("*") if path.suffix != ".dist-info"} - {"__pycache__"} == set(
        versions
    )
    return versions


def let_in(folder: Path) -> None:
    """Let others enter a folder of pytest's, which it keeps to itself."""
    for path in (folder, *folder.parents):
        if path == Path(tempfile.gettempdir()):
            return
        path.chmod(0o755)


def as_nobody(action: object) -> int:
    """Exit code of a child that is nobody and calls ``action``."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            action()  # type: ignore[operator]
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def into(lines: list[Any]) -> Say:
    """A log that keeps the words of its lines."""

    def say(text: str, level: str = "") -> None:
        lines.append(text)

    return say


class Container:
    """What lives as long as a container, and its daemon's one folder."""

    def __init__(self, bucket: Path, local: Path) -> None:
        self.bucket, self.local, self.output = bucket, local, list[str]()
        self.root = local / NAME
        self.clock = 0.0
        self.installing = ""
        self.start()

    def start(self, old: str = "") -> None:
        """As the hook and the sync daemon begin."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.folder = SyncedDir(
            NAME, str(self.local), str(self.bucket), into(self.output), lambda: self.installing, old
        )
        self.folder.restore()

    def wait(self, seconds: float = 5) -> None:
        """Time goes by, and the sync daemon looks."""
        for _ in range(int(seconds)):
            self.clock += 1
            self.folder.poll(self.clock)


Make = Callable[[], Container]
