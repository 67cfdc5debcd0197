"""Files that are complete or not there: what lies in build/ beside an image, and is called after it."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "build"


def name(image: str) -> str:
    """Return what a file of ``image`` is called, without its ending."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", image)


def write(path: Path, text: str) -> Path:
    """Write a file under its name only when all of it is written, and return it. Its folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        unfinished.write_text(text)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
