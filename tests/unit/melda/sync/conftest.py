"""A bucket and the containers on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.melda.sync.folders import Container


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def container(tmp_path: Path, bucket: Path) -> Callable[[], Container]:
    numbers = itertools.count()
    return lambda: Container(bucket, tmp_path / f"local{next(numbers)}")
