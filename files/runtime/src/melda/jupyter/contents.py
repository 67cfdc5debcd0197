"""Jupyter's manager of the project's files, whose every call runs in a thread.

jupyter_server's own reads and writes in threads, and asks on the event loop whether a file exists: when storage hangs, so do all
kernels and pages (jupyter_server/services/contents/filemanager.py, 2.21).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import os
import sys
from typing import Any, Dict, Iterator
from weakref import WeakValueDictionary

from tornado import web

from melda.jupyter import large_files, links, storage_calls, uploads

SERVER = "jupyter_server.serverapp"
MANAGERS = "jupyter_server.services.contents.largefilemanager"
READING = (
    "dir_exists", "file_exists", "exists", "is_hidden", "get", "resolve_path", "get_kernel_path", "increment_filename",
    "list_checkpoints", "trust_notebook", "new_untitled", "copy",
)  # fmt: skip
# Where the path is among their arguments: what writes to one file does so in the order of the requests.
WRITING = {
    "save": 1, "new": 1, "update": 1, "delete": 0, "delete_file": 0, "rename": 0, "rename_file": 0,
    "create_checkpoint": 0, "restore_checkpoint": 1, "delete_checkpoint": 1,
}  # fmt: skip
# What belongs to the event loop: the database of signatures is its thread's, and listeners of events are its tasks.
LOOPS = ("check_and_sign", "mark_trusted_cells", "emit")


def _back(name: str) -> Any:
    """Return a method that calls the one of its class's base on the event loop."""

    def method(self: Any, *args: Any, **given: Any) -> Any:
        return storage_calls.on_loop(self.loop, getattr(super(self.own, self), name), *args, **given)

    return method


@contextlib.contextmanager
def _saying_why() -> Iterator[None]:
    """Give the page the disk's words: Jupyter's are "Unhandled error" where it expects none, of too long a name for instance."""
    try:
        yield
    except OSError as error:
        if not error.errno:
            raise
        code = 400 if error.errno == errno.ENAMETOOLONG else 500
        raise web.HTTPError(code, os.strerror(error.errno)) from error


def _reading(name: str) -> Any:
    async def method(self: Any, *args: Any, **given: Any) -> Any:
        with _saying_why():
            return await storage_calls.run(getattr(self.files(), name), *args, **given)

    return method


def _writing(name: str, position: int) -> Any:
    async def method(self: Any, *args: Any, **given: Any) -> Any:
        path = given.get("path", args[position] if len(args) > position else "")
        async with self.lock(str(path).strip("/")):
            with _saying_why():
                return await storage_calls.run(getattr(self.files(), name), *args, **given)

    return method


def threaded(blocking: Any, waiting: Any) -> Any:
    """Return a class of managers.

    Args:
        blocking: Jupyter's class whose methods block: the work is done by one of it.
        waiting: Jupyter's class whose methods are awaited: what is returned is one of it, to everybody who asks.
    """
    files: Any = type("Files", (blocking,), {name: _back(name) for name in LOOPS if hasattr(blocking, name)})
    files.own = files

    class Threaded(waiting):  # type: ignore[misc]
        """In place of Jupyter's own."""

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._files = files(**given)
            self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

        def files(self) -> Any:
            """Return who does the work, for the event loop that asks."""
            self._files.loop = asyncio.get_running_loop()
            return self._files

        def lock(self, path: str) -> asyncio.Lock:
            """Return the lock of a path."""
            found = self._locks.get(path)
            if found is None:
                self._locks[path] = found = asyncio.Lock()
            return found

        def register_pre_save_hook(self, hook: Any) -> None:
            """Pass a hook of a server's extension on."""
            self._files.register_pre_save_hook(hook)

        def register_post_save_hook(self, hook: Any) -> None:
            """Pass a hook of a server's extension on."""
            self._files.register_post_save_hook(hook)

    methods: Dict[str, Any] = {name: _reading(name) for name in READING}
    methods.update((name, _writing(name, position)) for name, position in WRITING.items())
    for name, method in methods.items():
        if hasattr(blocking, name):
            setattr(Threaded, name, method)
    return Threaded


def install() -> None:
    """Let the Jupyter that was loaded have it; a configuration that names another one has the last word."""
    module: Any = sys.modules.get(SERVER)
    if module is not None:
        managers: Any = importlib.import_module(MANAGERS)
        kept = uploads.Uploads()
        managers.open = kept.appending  # with which chunks are written, and nothing else
        module.ServerApp.contents_manager_class.default_value = threaded(
            uploads.kept_open(links.kept(large_files.refused(managers.LargeFileManager)), kept),
            managers.AsyncLargeFileManager,
        )
