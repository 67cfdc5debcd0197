"""A large file comes in chunks of 1 MB; it stays open from one to the next, for in a bucket each close is an upload.

jupyter_server opens and closes it for each chunk (services/contents/largefilemanager.py, 2.21), and s3fs puts what is new behind
what S3 has: 200 MB were 200 uploads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import IO, Any, Dict, Iterator, Optional, Tuple

from tornado import web

from melda.jupyter import saving

PATIENCE = 60.0  # seconds until a file whose next chunk does not come is closed: the page was closed, say
FIRST, LAST = 1, -1  # numbers of chunks
MOST = 64  # files at a time; each takes a descriptor


class Uploads:
    """Files whose next chunk is waited for.

    Args:
        seconds: how long.
        most: of them; one more is closed after each chunk, as Jupyter does.
    """

    def __init__(self, seconds: float = PATIENCE, most: int = MOST) -> None:
        self._seconds, self._most = seconds, most
        self._changed = threading.Condition()
        self._open: Dict[str, Tuple[IO[Any], float]] = {}  # until when; who takes one out has it alone
        self._waiting = False  # one thread for all of them: a thread each may be more than the container can have

    def _take(self, path: str) -> Optional[IO[Any]]:
        with self._changed:
            found = self._open.pop(path, None)
            self._changed.notify_all()
        return found[0] if found else None

    def _keep(self, path: str, stream: IO[Any]) -> bool:
        """Keep a file open, if there is room and somebody to close it."""
        with self._changed:
            if len(self._open) >= self._most:
                return False
            if not self._waiting:
                try:
                    threading.Thread(target=self._wait, daemon=True).start()
                except RuntimeError:  # no process is left
                    return False
                self._waiting = True
            self._open[path] = stream, time.monotonic() + self._seconds
            self._changed.notify_all()
        return True

    def _wait(self) -> None:
        """Close what is waited for in vain; ends when nothing is open."""
        while True:
            with self._changed:
                if not self._open:
                    self._waiting = False
                    return
                path, (_, until) = min(self._open.items(), key=lambda one: one[1][1])
                if until > time.monotonic():
                    self._changed.wait(until - time.monotonic())
                    continue
            self._give_up(path)

    @contextlib.contextmanager
    def appending(self, path: str, mode: str) -> Iterator[IO[Any]]:
        """Give a file, and leave it open; in place of Jupyter's ``open``."""
        stream = self._take(path) or open(path, mode)  # noqa: SIM115 it stays open
        try:
            yield stream
            stream.flush()
        except BaseException:
            with contextlib.suppress(OSError):
                stream.close()
            raise
        if not self._keep(path, stream):
            stream.close()

    def close(self, path: str) -> None:
        """Close a file, if it is open.

        Raises:
            OSError: what was written cannot be kept: the disk is full, or S3 refuses it.
        """
        stream = self._take(path)
        if stream is not None:
            with stream:
                os.fsync(stream.fileno())

    def _give_up(self, path: str) -> None:
        try:
            self.close(path)
        except OSError as error:
            logging.getLogger("ServerApp").warning("the upload of %s was not finished: %s", path, error)


def kept_open(files: Any, uploads: Uploads) -> Any:
    """Return a class of managers whose ``open`` is :meth:`Uploads.appending`."""

    class Kept(files):  # type: ignore[misc]
        """In place of Jupyter's own."""

        def save(self, model: Any, path: str = "") -> Any:
            chunk = model.get("chunk")
            if chunk == FIRST:
                self._closed(path)  # somebody began before, and did not come to the end
            saved = super().save(model, path)
            if chunk == LAST:
                self._closed(path)
            return saved

        def _closed(self, path: str) -> None:
            try:
                uploads.close(saving.followed(self._get_os_path(path.strip("/"))))
            except OSError as error:
                raise web.HTTPError(500, f"Unexpected error while saving file: {path} {error}") from error

    return Kept
