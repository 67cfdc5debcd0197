"""tasks/storage.py: s3fs and what it mounts with."""

from __future__ import annotations

import pytest

from tasks import storage
from tasks.lib import debian
from tasks.lib.apt import InstalledPackages

from .conftest import Run, arguments

PACKAGES = {"s3fs", "fuse"}


def test_the_table_has_what_this_test_expects() -> None:
    assert set(debian.PACKAGES["storage"]) == PACKAGES


@pytest.mark.parametrize("present", [set(), {"s3fs"}, {"fuse", "bash"}])
def test_only_what_is_missing_is_installed(run: Run, present: set[str]) -> None:
    commands = run(storage.storage, {InstalledPackages: present})
    assert list(commands) == ["Install s3fs"]
    assert set(arguments(*commands["Install s3fs"])) == PACKAGES - present


def test_already_there(run: Run) -> None:
    assert run(storage.storage, {InstalledPackages: PACKAGES}) == {}
