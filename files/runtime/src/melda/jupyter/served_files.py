"""Files that a request asks for are found, looked at and read in threads: tornado does all of it on the event loop.

Whatever class of handlers serves them: all end in StaticFileHandler.get (tornado/web.py, 6.6).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
from typing import Any, Callable, Iterator, List, Optional, Tuple, TypeVar

from tornado import web

from melda.jupyter import storage_calls

T = TypeVar("T")
HANDLERS = "jupyter_server.base.handlers"
IMAGES = (sys.prefix + "/", "/usr/")  # never on storage that may hang


def is_images(path: str) -> bool:
    """Is it a path of the image's own?"""
    return (path + "/").startswith(IMAGES)


def soon(call: Callable[[str], T]) -> Callable[[str], T]:
    """Return a function of a path for the event loop, which waits a moment at most for what is not the image's own.

    Args:
        call: looks at the path; what is returned raises TimeoutError where this does not return in time.
    """
    bounded = storage_calls.Bounded(call)
    return lambda path: (call if is_images(path) else bounded)(path)


class Reader:
    """Reads a file ahead of who sends it: a chunk each time that one was sent."""

    def __init__(self, chunks: Callable[..., Any]) -> None:
        self._chunks = chunks
        self._given: Any = None
        self._left: Any = None
        self._next = b""

    def content(self, *given: Any) -> Iterator[bytes]:
        """Give the content in chunks, an empty one before them: then the first is read while the header is sent."""
        self._given = given
        yield b""
        while self._next:
            yield self._next

    @property
    def reads(self) -> bool:
        """Is there anything to read?"""
        return self._given is not None

    def read(self) -> None:
        """Read the next chunk."""
        if self._left is None:
            chunks = self._chunks(*self._given)
            self._left = iter([chunks] if isinstance(chunks, bytes) else chunks)
        self._next = next(self._left, b"")
        if not self._next:
            self._given = None


async def _ahead(sent: Any, run: Callable[..., Any], reader: Reader) -> None:
    await sent
    await run(reader.read)


def _read_in_threads(handler: Any, run: Callable[..., Any]) -> None:
    reader, flush = Reader(handler.get_content), handler.flush

    def flushed(include_footers: bool = False) -> Any:
        sent = flush(include_footers)
        is_last = include_footers
        return _ahead(sent, run, reader) if reader.reads and not is_last else sent

    handler.get_content, handler.flush = reader.content, flushed


def _find(handler: Any, path: str) -> Tuple[str, Optional[str], int, Any]:
    """Ask what tornado would: where the file is, whether it may be served, its size and time."""
    handler.path = handler.parse_url_path(path)  # the questions need it
    absolute = handler.get_absolute_path(handler.root, handler.path)
    handler.absolute_path = handler.validate_absolute_path(handler.root, absolute)
    return absolute, handler.absolute_path, handler.get_content_size(), handler.get_modified_time()


async def _find_in_thread(handler: Any, run: Callable[..., Any], path: str) -> None:
    """Find the file of a request, so that nothing of it is left to be asked."""
    absolute, allowed, size, modified = await run(_find, handler, path)
    handler.get_absolute_path = lambda *_: absolute
    handler.validate_absolute_path = lambda *_: allowed
    handler.get_content_size = lambda: size
    handler.get_modified_time = lambda: modified
    handler.compute_etag = lambda: None  # a sum of all that is in it; its time says the same


def _is_elsewhere(handler: Any, path: str) -> bool:
    """May the file be on storage that hangs? The image's own are served at once, also while others hang."""
    roots: List[str] = [handler.root] if isinstance(handler.root, str) else list(handler.root)
    first = list(itertools.takewhile(is_images, roots))
    if len(first) == len(roots) or handler.default_filename is not None:
        return False  # with a name for folders it redirects, which no thread can; none of the project's has one
    if isinstance(handler.root, str) or not first:
        return True
    return not is_images(handler.get_absolute_path(tuple(first), handler.parse_url_path(path)) or "-")


def install() -> None:
    """Let the Jupyter that was loaded serve files so. Its own handlers stay: it warns where it sees no @authenticated."""
    get = web.StaticFileHandler.get

    @functools.wraps(get)
    async def found(self: Any, path: str, include_body: bool = True) -> None:
        if _is_elsewhere(self, path):
            # Files of pages are given to everybody, those of the login for instance.
            run = storage_calls.run if self.current_user else storage_calls.run_for_strangers
            await _find_in_thread(self, run, path)
            _read_in_threads(self, run)
        await get(self, path, include_body)

    web.StaticFileHandler.get = found  # type: ignore[method-assign]
    module: Any = sys.modules.get(HANDLERS)
    if module is not None:
        # It is held while a file is looked for: who hangs would keep all others waiting. What it guards is set in one step.
        module.FileFindHandler._lock = contextlib.nullcontext()
