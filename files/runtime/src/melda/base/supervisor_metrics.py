"""Numbers that only PID 1 knows, for ``GET /metrics``: it writes them down, and the version service reads them."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Dict

from melda.base import regular_files, textfiles
from melda.base.paths import RUN

PATH = RUN + "/facts.json"
LARGEST = 1 << 16
_known: Dict[str, float] = {}
_path = ""  # empty: this process keeps none


def keep(path: str = PATH) -> None:
    """Write down from now on what is recorded in this process; what an earlier start wrote is forgotten.

    Args:
        path: of the file.
    """
    global _path  # noqa: PLW0603 a process has one
    _path = path
    _known.clear()
    with contextlib.suppress(OSError):
        os.unlink(path)


def record(name: str, value: float) -> None:
    """Remember a number; nothing depends on it, so nothing fails with it."""
    if _path and _known.get(name) != value:
        _known[name] = value
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(_path), mode=0o755, exist_ok=True)
            textfiles.replace(_path, json.dumps(_known))


def read(path: str = PATH) -> Dict[str, float]:
    """Return what was recorded; nothing where there is no file."""
    try:
        found = json.loads(regular_files.read(path, LARGEST))
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
