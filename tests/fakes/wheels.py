"""Python distributions made on the spot, so that pip installs without an index (``--no-index --find-links``)."""

from __future__ import annotations

import base64
import hashlib
import tarfile
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path


def _row(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text.encode())}\n"


def build(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    requires: tuple[str, ...] = (),
    script: str = "",
    hashed: bool = False,
    tag: str = "py3-none-any",
) -> Path:
    """Write a wheel.

    Args:
        folder: where to; must exist.
        name: of the distribution, normalised with underscores.
        version: of the distribution.
        files: text by path in site-packages.
        requires: requirements, as in ``Requires-Dist``.
        script: a console script, as ``command = module:function``.
        hashed: RECORD has hashes, as the wheels of an index have; pip does not check them.
        tag: for which Pythons it is, as if it had compiled code.

    Returns:
        Its path.
    """
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content = {
        **files,
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if script:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script}\n"
    record = f"{info}/RECORD"
    rows = [_row(path, text) if hashed else f"{path},,\n" for path, text in content.items()]
    content[record] = "".join([*rows, f"{record},,\n"])
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return wheel


def build_source(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a source distribution that setuptools builds; arguments as for :func:`build`."""
    project = (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    content = {
        **files,
        "pyproject.toml": project,
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for inside, text in content.items():
            member = tarfile.TarInfo(f"{name}-{version}/{inside}")
            member.size = len(text.encode())
            member.mode = 0o644
            archive.addfile(member, BytesIO(text.encode()))
    return path
