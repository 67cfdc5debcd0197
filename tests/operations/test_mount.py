"""tasks/mount.py: s3fs and what it mounts with."""

from __future__ import annotations

import pytest
from pyinfra.facts.deb import DebPackages

from tasks import debian_packages, mount

from .conftest import Run, arguments

PACKAGES = {"s3fs", "fuse"}


def test_the_table_has_what_this_test_expects() -> None:
    assert set(debian_packages.PACKAGES["mount"]) == PACKAGES


@pytest.mark.parametrize("present", [set(), {"s3fs"}, {"fuse", "bash"}])
def test_only_what_is_missing_is_installed(run: Run, present: set[str]) -> None:
    commands = run(mount.mount, {DebPackages: present})
    assert list(commands) == ["Install s3fs"]
    assert set(arguments(*commands["Install s3fs"])) == PACKAGES - present


def test_already_there(run: Run) -> None:
    assert run(mount.mount, {DebPackages: PACKAGES}) == {}
