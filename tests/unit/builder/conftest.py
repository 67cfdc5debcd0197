"""What several tests of the builder begin with."""

from __future__ import annotations

import pytest

from builder import container


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This shell has none of the container's variables."""
    for name in container.PASSED:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
