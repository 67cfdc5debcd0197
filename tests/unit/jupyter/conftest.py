"""The programs of files/jupyter that a Python loads at its start, as modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

JUPYTER = str(Path(__file__).resolve().parents[3] / "files" / "jupyter")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(sys, "path", [JUPYTER, *sys.path])
    yield importlib.import_module("melda_plugins")
    sys.modules.pop("melda_plugins", None)


@pytest.fixture
def kernel(plugins: Any) -> Iterator[Any]:
    sys.path.insert(0, JUPYTER)  # which it removes, as the folder of the program
    yield importlib.import_module("kernel")
    sys.modules.pop("kernel", None)
