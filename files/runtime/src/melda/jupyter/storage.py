"""What else of Jupyter looks at the project waits for storage by itself, and keeps nothing else waiting; see contents.py.

Kernels and terminals are started when their folder answers. Meanwhile the lists of kernels and of extensions are without those
that the user installed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable, Iterator, List

from melda.jupyter import threads

HANDLERS = "jupyter_server.base.handlers"
PROVISIONER = "jupyter_client.provisioning.local_provisioner"
KERNELS = "jupyter_client.kernelspec"
MANAGER = "jupyter_server.services.kernels.kernelmanager"
# Handlers that look at the project on the event loop, by the names of their classes, and the methods with which they do.
WAITING = {
    "AuthenticatedFileHandler": ("GET", "HEAD"),
    "NbconvertFileHandler": ("GET",),
    "NbconvertPostHandler": ("POST",),
    "KernelSpecResourceHandler": ("GET", "HEAD"),
    "TerminalRootHandler": ("POST",),
}


def touch(*paths: str) -> None:
    """Ask for paths, whatever they are: who returns has an answer, and the next who asks has it at once."""
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            # Not stat: the kernel knows what it said for a second, and the next question would hang on the event loop.
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))


def _programs() -> str:
    """Return the folder of the user's own programs, which is in PATH."""
    return os.environ.get("VIRTUAL_ENV", "") + "/bin/python"


def _before_starts() -> None:
    provisioner, manager = (sys.modules.get(name) for name in (PROVISIONER, MANAGER))
    if provisioner is not None:
        own: Any = vars(provisioner)["LocalProvisioner"]
        launch = own.launch_kernel

        async def launched(self: Any, cmd: List[str], **given: Any) -> Any:
            await threads.run(touch, given.get("cwd") or ".", _programs())
            return await launch(self, cmd, **given)

        own.launch_kernel = launched
    if manager is not None:
        kernels: Any = vars(manager)["AsyncMappingKernelManager"]
        start = kernels.start_kernel

        async def started(self: Any, *args: Any, **given: Any) -> Any:
            path = given.get("path")
            if path is not None:
                await threads.run(touch, os.path.join(self.root_dir, str(path).strip("/")), self.root_dir)
            return await start(self, *args, **given)

        kernels.start_kernel = started


def _before_handlers() -> None:
    module: Any = sys.modules.get(HANDLERS)
    if module is None:
        return
    prepare = module.JupyterHandler.prepare

    async def prepared(self: Any, *args: Any, **given: Any) -> Any:
        found = await prepare(self, *args, **given)
        names = (base.__name__ for base in type(self).__mro__)
        if self.current_user and any(self.request.method in WAITING.get(name, ()) for name in names):
            root = self.settings.get("server_root_dir") or "."
            below = [str(path).strip("/") for path in self.path_args[-1:] if path]
            await threads.run(touch, root, os.path.join(root, *below), _programs())
            if isinstance(self, module.AuthenticatedFileHandler):
                _read_in_threads(self)
        return found

    module.JupyterHandler.prepare = prepared


class Reader:
    """Reads a file ahead of who sends it: a chunk each time that one was sent.

    Args:
        chunks: tornado's own, which block.
    """

    def __init__(self, chunks: Callable[..., Iterator[bytes]]) -> None:
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
            self._left = iter(self._chunks(*self._given))
        self._next = next(self._left, b"")
        if not self._next:
            self._given = None


def _read_in_threads(handler: Any) -> None:
    """Let one request read its file ahead. What answers is not wrapped: Jupyter warns where it sees no @authenticated."""
    reader, flush = Reader(handler.get_content), handler.flush

    def flushed(*args: Any, **given: Any) -> Any:
        sent = flush(*args, **given)
        return _ahead(sent, reader) if reader.reads else sent

    handler.get_content, handler.flush = reader.content, flushed


async def _ahead(sent: Any, reader: Reader) -> None:
    await sent
    await threads.run(reader.read)


def _without_own(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a manager of kernels that does without the user's own while storage does not answer."""
    bounded = threads.Bounded(method)

    def called(self: Any, *args: Any) -> Any:
        try:
            return bounded(self, *args)
        except TimeoutError:
            folders, own = self.kernel_dirs, os.environ.get("VIRTUAL_ENV") or os.devnull
            self.kernel_dirs = [folder for folder in folders if not folder.startswith(own + "/")]
            try:
                return method(self, *args)
            finally:
                self.kernel_dirs = folders

    return called


def _kernelspecs() -> None:
    module: Any = sys.modules.get(KERNELS)
    if module is not None:
        for name in ("get_all_specs", "get_kernel_spec"):
            setattr(module.KernelSpecManager, name, _without_own(getattr(module.KernelSpecManager, name)))


def install() -> None:
    """Let the Jupyter that was loaded wait so."""
    _before_starts()
    _before_handlers()
    _kernelspecs()
