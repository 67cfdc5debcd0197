"""What uv is told of a package of which a copy was kept: only wheels for this Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import wanted

from tests.unit.melda.envs.conftest import Image


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py39-none-any", True),
        ("py312-none-any", False),
        ("cp311-cp311-linux_x86_64", True),
        ("cp310-cp310-linux_x86_64", False),
        ("cp313-cp313-linux_x86_64", False),  # which uv 0.13 takes
        ("cp38-abi3-manylinux_2_17_x86_64", True),
        ("cp313-abi3-manylinux_2_17_x86_64", False),
        ("cp310.cp311-cp310.cp311-linux_x86_64", True),
        ("pp311-pypy311_pp73-linux_x86_64", False),
        ("unknown", True),  # uv says what is wrong with it
    ],
)
def test_a_copy_is_a_wheel_for_this_python(image: Image, tmp_path: Path, tag: str, fits: bool) -> None:
    copy = tmp_path / f"hare-1.0-{tag}.whl"
    copy.write_bytes(b"")
    file = {"name": copy.name, "sha256": wanted.digest_of(str(copy))}
    entry: dict[str, Any] = {"name": "hare", "version": "1.0", "source": {"type": "local"}, "file": file}
    site = wanted.Site(image.layout, "3.11.2", "/root", str(tmp_path))
    if fits:
        assert wanted.lines(site, entry).startswith(f"hare @ file://{tmp_path}/hare-1.0-")
    else:
        with pytest.raises(PackageUnavailable, match="is for another Python"):
            wanted.lines(site, entry)
