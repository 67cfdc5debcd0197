"""A melda-env back, and one that is killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.sync import exchange, history

from tests.unit.melda.sync.folders import NAME, SITE, Container


class Killed(BaseException):
    """Nothing runs any more."""


def back(one: Container) -> list[str]:
    """Go back to the first generation."""
    first = history.listed(str(one.bucket), NAME)[0][-1]
    return history.go_back(str(one.local), str(one.bucket), first, print)


def killed_at(root: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """After so many renames of entries, once."""
    real, calls = exchange.folders.rename, iter([*[None] * number, error])

    def rename(source: str, target: str) -> None:
        now = next(calls, None) if (root / SITE / exchange.MARK).exists() else None
        if now is not None:
            raise now
        real(source, target)

    monkeypatch.setattr(exchange.folders, "rename", rename)
