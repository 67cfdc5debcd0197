"""What :func:`melda.base.textfiles.replace` leaves beside a file, in the project or on local disk, when it is killed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from typing import List, Optional

NAME = re.compile(r".+\.json\.[0-9a-f]{16}")
AGE = 60.0  # seconds; a younger one may be another container's, or melda-env's, which is about to rename it


def remove(folder: str, names: Optional[List[str]], age: float = AGE) -> None:
    """Remove those of a folder of ours. Nobody depends on it, so nothing fails with it.

    Args:
        folder: its path.
        names: that are in it, so that a bucket need not be asked; None: it is looked.
        age: in seconds, of those that are removed.
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(folder) if names is None else names:
            if NAME.fullmatch(name):
                path = os.path.join(folder, name)
                found = os.lstat(path)
                if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime >= age:
                    os.unlink(path)
