"""An image in a folder: a Python environment, the user's on top of it, R's libraries, dpkg's list."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from melda.base import interpreters, users
from melda.config import environ
from melda.envs import capture
from melda.envs.capture.python import digest
from melda.versions import libraries

FILES = Path(__file__).resolve().parents[4] / "files"
VERSION = "{}.{}.{}".format(*sys.version_info[:3])
SITE = "lib/python{}.{}/site-packages".format(*sys.version_info[:2])
R = "4.2.2"


class Image:
    """What a container holds, made by hand.

    Args:
        root: where it is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        home = root / "home"
        self.workdir = home / "project"
        self.env = root / "env"
        (self.env / "bin").mkdir(parents=True)
        (self.env / "bin" / "python").symlink_to(sys.executable)
        self.image_python = self.env / SITE
        self.own_python = self.workdir / f"Python-{VERSION}" / SITE
        self.own_r = self.workdir / f"R-{R}"
        self.system_r = root / "usr" / "lib" / "R" / "site-library"
        for folder in (self.image_python, self.own_python, self.own_r, self.system_r):
            folder.mkdir(parents=True)
        self.status, self.record = root / "status", root / "bspm.json"
        self.debian({})
        me = users.Account("melda", os.getuid(), os.getgid(), (os.getgid(),), str(home), "/bin/bash")
        self.layout = environ.ImageLayout(me, str(self.workdir), str(self.env))

    def debian(self, packages: dict[str, str], brought: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> None:
        """What apt installed, of it what the user ``brought``, and what was removed again but for its configuration."""
        paragraphs = [
            f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nDescription: x\n Version: 9\n"
            for name, version in packages.items()
        ] + [f"Package: {name}\nStatus: deinstall ok config-files\nVersion: 1\n" for name in gone]
        self.status.write_text("\n".join(paragraphs))
        self.record.write_text(json.dumps({"packages": [], "brought": list(brought)}))

    def look(self) -> capture.Installed:
        return capture.inspect(self.layout, str(self.status), str(self.record))

    def capture(self) -> dict[str, Any]:
        return self.look().document


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    """An empty image; R's libraries are where this test's are."""
    image = Image(tmp_path)
    here = libraries.r_folders

    def r_folders(home: str, workdir: str, version: str) -> list[str]:
        return here(home, workdir, version, str(tmp_path / "usr" / "lib" / "R"))

    monkeypatch.setattr(libraries, "r_folders", r_folders)
    monkeypatch.setattr(interpreters, "r", lambda: R)
    monkeypatch.setattr(capture, "SYSTEMS", str(tmp_path / "usr") + "/")
    return image


def distribution(folder: Path, name: str, version: str, direct: object = None, hashed: bool = True) -> Path:
    """A Python distribution as an installer leaves it."""
    package = name.lower().replace("-", "_").replace(".", "_")
    (folder / package).mkdir(parents=True, exist_ok=True)
    (folder / package / "__init__.py").write_text(f"V = {version!r}\n")
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: nonsense\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "INSTALLER").write_text("pip\n")
    if direct is not None:
        (info / "direct_url.json").write_text(direct if isinstance(direct, str) else json.dumps(direct))
    script = folder.parents[2] / "bin" / package
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!\n")
    files = sorted(path for part in (folder / package, info) for path in part.rglob("*") if path.is_file())
    rows = [
        f"{path.relative_to(folder)},{digest(path.read_bytes()) if hashed else ''},{path.stat().st_size if hashed else ''}"
        for path in files
    ]
    rows += [f"{info.name}/RECORD,,", f"../../../bin/{package},sha256=abc,3"]
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


def r_package(library: Path, name: str, version: str, **fields: str) -> Path:
    """An R package as R leaves it."""
    path = library / name
    (path / "Meta").mkdir(parents=True)
    (path / "Meta" / "package.rds").write_bytes(b"")
    built = {"Built": f"R {R}; ; 2026-01-01 00:00:00 UTC; unix"}
    text = {"Package": name, "Version": version, "Title": "X\n  and: more", **built, **fields}
    (path / "DESCRIPTION").write_text("".join(f"{key}: {value}\n" for key, value in text.items()))
    return path
