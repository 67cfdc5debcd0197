"""A file that is too large to be opened in the browser is refused before it is read, instead of taking the kernels' memory.

Jupyter reads it as a whole, decodes it, writes it as JSON and encodes that (jupyter_server/services/contents/fileio.py, 2.21):
20 bytes for each one of a file with bytes that JSON escapes. What is downloaded (/files/) is sent in pieces.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Optional

from tornado import web

from melda.base import memory
from melda.jupyter import saving

NOTEBOOK = ".ipynb"
MOST = 1 << 27  # bytes: more keeps the event loop, and with it all kernels, waiting for seconds
SHARE = 16  # of the container's memory
FILES = 2  # a notebook is JSON already; another file may be half as large
COPY = re.compile(r"-Copy\d*\.")  # as Jupyter calls them


def most(path: str, limit: Optional[int]) -> int:
    """Return the most bytes that a file may have to be opened.

    Args:
        path: of the file.
        limit: the container's memory; None: it has no limit.
    """
    found = MOST if limit is None else min(MOST, limit // SHARE)
    return found if path.endswith(NOTEBOOK) else found // FILES


def is_too_large(path: str) -> bool:
    """May it not be opened? Of what is not there Jupyter speaks itself."""
    try:
        return os.stat(path).st_size > most(path, memory.limit())
    except (OSError, ValueError):
        return False


def refused(files: Any) -> Any:
    """Return a class of managers that opens no such file, and copies it without reading it as a whole."""

    class Refused(files):  # type: ignore[misc]
        """In place of Jupyter's own."""

        def _read_file(self, os_path: str, *args: Any, **given: Any) -> Any:
            if is_too_large(os_path):
                megabytes = most(os_path, memory.limit()) >> 20
                raise web.HTTPError(
                    413,
                    f"{os.path.basename(os_path)} is too large to be opened here ({megabytes} MB are the most, with the"
                    " memory that there is): download it, or read it in a notebook",
                )
            return super()._read_file(os_path, *args, **given)

        def copy(self, from_path: str, to_path: Optional[str] = None) -> Any:
            path = from_path.strip("/")
            source = self._get_os_path(path)
            if os.path.isdir(source) or not is_too_large(source):
                return super().copy(from_path, to_path)
            self.get(path, content=False)  # it may be hidden
            folder, _, name = path.rpartition("/")
            target = folder if to_path is None else to_path.strip("/")
            if self.dir_exists(target):
                name = self.increment_filename(COPY.sub(".", name), target, insert="-Copy")
                target = f"{target}/{name}".strip("/")
            try:
                with open(source, "rb") as stream, saving.writing(self._get_os_path(target), text=False) as written:
                    shutil.copyfileobj(stream, written)
            except OSError as error:
                raise web.HTTPError(500, f"Unexpected error while copying file: {path} {error}") from error
            return self.get(target, content=False)

    return Refused
