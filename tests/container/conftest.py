"""The fixtures of fixtures.py, once for this folder and for tests/attack: a built image is not built again."""

from __future__ import annotations

import pytest

from . import fixtures


def pytest_configure(config: pytest.Config) -> None:
    """Have them for all tests of this run."""
    if not config.pluginmanager.is_registered(fixtures):
        config.pluginmanager.register(fixtures)
