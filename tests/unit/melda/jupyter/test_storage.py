"""What looks at the project waits for storage by itself."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import storage, threads


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Modules of Jupyter's that were loaded, empty."""
    names = (storage.HANDLERS, storage.PROVISIONER, storage.KERNELS, storage.MANAGER)
    found = {name: ModuleType(name) for name in names}
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    return found


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Storage hangs until this is set."""
    answers = threading.Event()
    monkeypatch.setattr(storage.os, "stat", lambda _: answers.wait(60))
    yield answers
    answers.set()


def test_a_kernel_is_started_when_its_folder_answers(modules: dict[str, Any], hung: threading.Event) -> None:
    order: list[str] = []

    class LocalProvisioner:
        async def launch_kernel(self, cmd: list[str], **given: Any) -> str:
            order.append("launched")
            return cmd[0] + given["cwd"]

    class AsyncMappingKernelManager:
        root_dir = "/p"

        async def start_kernel(self, **given: Any) -> str:
            return str(given["path"])

    vars(modules[storage.PROVISIONER])["LocalProvisioner"] = LocalProvisioner
    vars(modules[storage.MANAGER])["AsyncMappingKernelManager"] = AsyncMappingKernelManager
    storage._before_starts()

    async def serve() -> list[str]:
        started = asyncio.ensure_future(AsyncMappingKernelManager().start_kernel(path="/a"))
        launched = asyncio.ensure_future(LocalProvisioner().launch_kernel(["R"], cwd="/p"))
        await threads.run(order.append, "served")
        hung.set()
        return [await started, await launched]

    assert asyncio.run(serve()) == ["/a", "R/p"]
    assert order == ["served", "launched"]


class JupyterHandler:
    """Jupyter's."""

    def __init__(self, method: str = "GET", user: str = "melda") -> None:
        self.current_user, self.path_args = user, ["/a.txt"]
        self.request, self.settings = SimpleNamespace(method=method), {"server_root_dir": "/p"}

    async def prepare(self) -> None:
        pass


class AuthenticatedFileHandler(JupyterHandler):
    sent: tuple[bytes, ...] = ()

    def get_content(self, path: str) -> Iterator[bytes]:
        assert threading.current_thread() is not threading.main_thread()
        yield from (b"one", b"two")

    def flush(self) -> Any:
        async def done() -> None:
            pass

        return done()

    async def get(self, path: str) -> None:
        for chunk in self.get_content(path):
            self.sent += (chunk,)
            await self.flush()


class Own(AuthenticatedFileHandler):
    """A handler of a class below Jupyter's."""


@pytest.fixture
def handlers(modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for handler, name in ((JupyterHandler, "prepare"), (AuthenticatedFileHandler, "get")):
        monkeypatch.setattr(handler, name, getattr(handler, name))  # is put back
        vars(modules[storage.HANDLERS])[handler.__name__] = handler
    storage._before_handlers()


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("handler", "waits"),
    [(Own(), True), (Own("POST"), False), (Own(user=""), False), (JupyterHandler(), False)],
)
def test_a_request_for_a_file_waits_and_no_other(hung: threading.Event, handler: Any, waits: bool) -> None:
    async def serve() -> bool:
        prepared = asyncio.ensure_future(handler.prepare())
        await threads.run(print)
        done = prepared.done()
        hung.set()
        await prepared
        return not done

    assert asyncio.run(serve()) is waits


@pytest.mark.usefixtures("handlers")
def test_a_file_is_read_by_threads() -> None:
    handler = Own()
    before = Own.get

    async def serve() -> None:
        await handler.prepare()
        await handler.get("/p/a")

    asyncio.run(serve())
    assert Own.get is before, "Jupyter looks at its decorators"
    assert handler.sent == (b"", b"one", b"two")


def test_the_users_kernels_are_left_out_meanwhile(
    modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch, hung: threading.Event
) -> None:
    class KernelSpecManager:
        kernel_dirs = ("/image", "/p/env/share")

        def get_all_specs(self) -> list[str]:
            return [storage.os.stat(folder) and folder for folder in self.kernel_dirs if folder != "/image"] or [
                "image"
            ]

        get_kernel_spec = get_all_specs

    vars(modules[storage.KERNELS])["KernelSpecManager"] = KernelSpecManager
    monkeypatch.setenv("VIRTUAL_ENV", "/p/env")
    storage._kernelspecs()
    manager = KernelSpecManager()
    assert manager.get_all_specs() == ["image"]
    hung.set()
    for thread in threads.Bounded._hangs:
        thread.join()
    assert manager.get_all_specs() == ["/p/env/share"]
