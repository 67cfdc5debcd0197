"""What else of Jupyter looks at the project waits for storage by itself, and keeps nothing else waiting; see contents.py.

Kernels are started when their folder answers. Meanwhile the lists of kernels, extensions and themes are without those that the
user installed. For files that are served see served_files.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from typing import Any, Callable, List, Optional

from melda.jupyter import served_files, storage_calls

HANDLERS = "jupyter_server.base.handlers"
PROVISIONER = "jupyter_client.provisioning.local_provisioner"
KERNELS = "jupyter_client.kernelspec"
MANAGER = "jupyter_server.services.kernels.kernelmanager"
TERMINALS = "terminado.management"
TERMINAL_MANAGER = "jupyter_server_terminals.terminalmanager"
THEMES = "jupyterlab_server.themes_handler"
CHDIR = ("/usr/bin/env", "--chdir")
# Handlers that look at the project on the event loop, by the names of their classes, and the methods with which they do.
WAITING = {
    "NbconvertFileHandler": ("GET",),
    "NbconvertPostHandler": ("POST",),
}
# Those whose whole method is called in a thread: it awaits nothing of the event loop's. Below SchemaHandler is all that reads
# settings of JupyterLab, which may be those of an extension that the user installed.
IN_THREADS = {
    "SchemaHandler": ("GET", "PUT"),
    "TerminalRootHandler": ("POST",),
    "WorkspacesHandler": ("GET", "PUT", "DELETE"),
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

        def launch_now(self: Any, cmd: List[str], **given: Any) -> Any:
            touch(given.get("cwd") or ".", _programs())
            # With a loop of the thread's own: it awaits nothing, and waits until the kernel is in its folder.
            return asyncio.run(launch(self, cmd, **given))

        async def launched(self: Any, cmd: List[str], **given: Any) -> Any:
            return await storage_calls.run(launch_now, self, cmd, **given)

        own.launch_kernel = launched
        resolve = getattr(own, "resolve_path", None)
        if resolve is not None:  # who asks for it awaits it

            async def resolved(self: Any, path: str) -> Any:
                return await storage_calls.run(resolve, self, path)

            own.resolve_path = resolved
    if manager is not None:
        kernels: Any = vars(manager)["AsyncMappingKernelManager"]
        start = kernels.start_kernel

        async def started(self: Any, *args: Any, **given: Any) -> Any:
            path = given.get("path")
            if path is not None:
                await storage_calls.run(touch, os.path.join(self.root_dir, str(path).strip("/")), self.root_dir)
            return await start(self, *args, **given)

        kernels.start_kernel = started


def _is_one_of(handler: Any, names: Any) -> bool:
    return any(handler.request.method in names.get(base.__name__, ()) for base in type(handler).__mro__)


def _before_handlers() -> None:
    module: Any = sys.modules.get(HANDLERS)
    if module is None:
        return
    prepare = module.JupyterHandler.prepare

    async def prepared(self: Any, *args: Any, **given: Any) -> Any:
        found = await prepare(self, *args, **given)
        if self.current_user:
            if _is_one_of(self, WAITING):
                # Jupyter writes the home as ~ in it.
                root = os.path.expanduser(self.settings.get("server_root_dir") or ".")
                below = [str(path).strip("/") for path in self.path_args[-1:] if path]
                await storage_calls.run(touch, root, os.path.join(root, *below), _programs())
            if _is_one_of(self, IN_THREADS):
                await _leave_out_what_hangs(self)
                _call_in_thread(self)
        return found

    module.JupyterHandler.prepare = prepared


async def _leave_out_what_hangs(handler: Any) -> None:
    """Let the settings of JupyterLab come without those of the user's extensions rather than not at all."""
    folders = getattr(handler, "labextensions_path", None)
    if folders and not await storage_calls.answers(touch, *folders):
        handler.labextensions_path = [folder for folder in folders if served_files.is_images(folder)]


def _call_in_thread(handler: Any) -> None:
    """Let one request be answered by a thread; what is sent is sent by the event loop."""
    name = handler.request.method.lower()
    method, finish = getattr(handler, name), handler.finish

    def call(*args: Any, **given: Any) -> None:
        answer = method(*args, **given)
        if asyncio.iscoroutine(answer):
            asyncio.run(answer)

    async def called(*args: Any, **given: Any) -> None:
        finished: List[Any] = []
        handler.finish = lambda *chunk: finished.append(chunk)
        try:
            await storage_calls.run(call, *args, **given)
        finally:
            handler.finish = finish
        for chunk in finished:
            finish(*chunk)

    setattr(handler, name, called)


def _imported(name: str) -> Any:
    """Return a module that Jupyter loads later, when it looks for its extensions; None: this Jupyter has none."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _terminals() -> None:
    """Let a terminal go to its folder by itself: else the event loop waits until it is there."""
    module, manager = (_imported(name) for name in (TERMINALS, TERMINAL_MANAGER))
    if module is not None:
        own: Any = vars(module)["PtyProcessUnicode"]

        class Process(own):  # type: ignore[misc]
            """A terminal's shell."""

            @classmethod
            def spawn(cls, argv: List[str], cwd: Optional[str] = None, **given: Any) -> Any:
                return super().spawn([*((*CHDIR, cwd, "--") if cwd else ()), *argv], **given)

        vars(module)["PtyProcessUnicode"] = Process
    if manager is not None:
        terminals: Any = vars(manager)["TerminalManager"]
        create = terminals.create

        def created(self: Any, **given: Any) -> Any:
            return storage_calls.back(create, self, **given)  # what it writes is read by the event loop

        terminals.create = created


def _themes() -> None:
    module: Any = sys.modules.get(THEMES)
    if module is None:
        return
    glob = module.glob
    find = served_files.soon(lambda pattern: list(glob(pattern, recursive=True)))

    def found(pattern: str, **_: Any) -> List[str]:
        with contextlib.suppress(TimeoutError):
            return find(pattern)
        return []

    module.glob = found


def _without_own(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a manager of kernels that does without the user's own while storage does not answer."""
    bounded = storage_calls.Bounded(method)

    def called(self: Any, *args: Any) -> Any:
        try:
            return bounded(self, *args)
        except TimeoutError:
            folders = self.kernel_dirs
            self.kernel_dirs = [folder for folder in folders if served_files.is_images(folder)]
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
    _terminals()
    _themes()
    _kernelspecs()
