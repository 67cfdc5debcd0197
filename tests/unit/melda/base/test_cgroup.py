"""Memory of a container, as both versions of cgroups have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base import cgroup


@pytest.mark.parametrize(
    ("files", "limit", "used"),
    [
        ({"memory.max": "1048576\n", "memory.current": "5\n"}, 1048576, 5),
        ({"memory.max": "max\n", "memory.current": "5\n"}, None, 5),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "7\n"}, None, 7),
        ({"memory/memory.limit_in_bytes": "4096\n", "memory/memory.usage_in_bytes": "7\n"}, 4096, 7),
        ({}, None, None),
    ],
)
def test_limit_and_use(tmp_path: Path, files: dict[str, str], limit: int | None, used: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup.memory_limit(str(tmp_path)) == limit
    assert cgroup.memory_used(str(tmp_path)) == used
