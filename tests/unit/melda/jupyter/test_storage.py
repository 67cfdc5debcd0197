"""What looks at the project waits for storage by itself."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import storage, storage_calls
from tornado import web


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Modules of Jupyter's that were loaded, empty."""
    names = (
        storage.HANDLERS, storage.PROVISIONER, storage.KERNELS, storage.MANAGER,
        storage.TERMINALS, storage.TERMINAL_MANAGER, storage.THEMES,
    )  # fmt: skip
    found = {name: ModuleType(name) for name in names}
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    return found


class Hung:
    """Storage that hangs until ``answers`` is set."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []

    def touch(self, *paths: str) -> None:
        self.asked += paths
        assert self.answers.wait(60)

    def end(self) -> None:
        """Let it answer, and wait for who waits for it."""
        self.answers.set()
        for call in storage_calls.Bounded._hangs.values():
            call.result()


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hung]:
    found = Hung()
    monkeypatch.setattr(storage, "touch", found.touch)
    yield found
    found.end()


def test_a_kernel_is_started_when_its_folder_answers(modules: dict[str, Any], hung: Hung) -> None:
    order: list[str] = []

    class LocalProvisioner:
        async def launch_kernel(self, cmd: list[str], **given: Any) -> str:
            order.append("launched")
            assert threading.current_thread() is not threading.main_thread(), (
                "it waits until the kernel is in its folder"
            )
            return cmd[0] + given["cwd"]

        def resolve_path(self, path: str) -> tuple[str, bool]:
            return path, threading.current_thread() is threading.main_thread()

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
        await storage_calls.run(order.append, "served")
        hung.answers.set()
        resolved: Any = LocalProvisioner().resolve_path("a")
        assert await resolved == ("a", False)
        return [await started, await launched]

    assert asyncio.run(serve()) == ["/a", "R/p"]
    assert order == ["served", "launched"]


class JupyterHandler:
    """Jupyter's."""

    def __init__(self, method: str = "GET", user: str = "melda") -> None:
        self.current_user, self.path_args = user, ["/a.txt"]
        self.request, self.settings = SimpleNamespace(method=method), {"server_root_dir": "~/project"}

    async def prepare(self) -> None:
        pass


class NbconvertFileHandler(JupyterHandler):
    pass


class Own(NbconvertFileHandler):
    """A handler of a class below Jupyter's."""


class SchemaHandler(JupyterHandler):
    """Asks for files, and sends by the event loop what it found."""

    def __init__(self, method: str = "GET", user: str = "melda") -> None:
        super().__init__(method, user)
        self.labextensions_path = ["/usr/share/labextensions", "/p/labextensions"]
        self.sent: list[tuple[str, bool]] = []

    def finish(self, chunk: str) -> None:
        self.sent.append((chunk, threading.current_thread() is threading.main_thread()))

    def get(self, name: str) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.finish(name + self.labextensions_path[-1])


class TranslationsHandler(SchemaHandler):
    async def get(self, name: str) -> None:  # type: ignore[override]
        await asyncio.get_running_loop().run_in_executor(None, print)
        SchemaHandler.get(self, name)


@pytest.fixture
def handlers(modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JupyterHandler, "prepare", JupyterHandler.prepare)  # is put back
    vars(modules[storage.HANDLERS])["JupyterHandler"] = JupyterHandler
    storage._before_handlers()


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("handler", "waits"),
    [(Own(), True), (Own("POST"), False), (Own(user=""), False), (JupyterHandler(), False)],
)
def test_a_request_for_a_file_waits_and_no_other(hung: Hung, handler: Any, waits: bool) -> None:
    async def serve() -> bool:
        prepared = asyncio.ensure_future(handler.prepare())
        await storage_calls.run(print)
        done = prepared.done()
        hung.answers.set()
        await prepared
        return not done

    assert asyncio.run(serve()) is waits
    # A path with ~ is one in the project, which is not there: the kernel remembers that, and says so while storage hangs.
    assert hung.asked[:2] == ([os.path.expanduser(path) for path in ("~/project", "~/project/a.txt")] if waits else [])


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("kind", [SchemaHandler, TranslationsHandler])
@pytest.mark.parametrize("hangs", [False, True])
def test_settings_come_by_a_thread_without_those_that_hang(hung: Hung, kind: type[SchemaHandler], hangs: bool) -> None:
    handler = kind()
    if not hangs:
        hung.answers.set()

    async def serve() -> None:
        await handler.prepare()
        await handler.get("settings of ")
        hung.answers.set()
        await asyncio.wait([storage_calls._asked.popitem()[1]])

    asyncio.run(serve())
    found = "/usr/share/labextensions" if hangs else "/p/labextensions"
    assert handler.sent == [("settings of " + found, True)]


@pytest.mark.usefixtures("handlers")
def test_what_a_thread_cannot_answer_is_the_requests_failure() -> None:
    class Fails(SchemaHandler):
        def get(self, name: str) -> None:
            raise web.HTTPError(404)

    handler = Fails()
    handler.labextensions_path = []

    async def serve() -> None:
        await handler.prepare()
        with pytest.raises(web.HTTPError):
            await handler.get("a")
        handler.finish("the error")

    asyncio.run(serve())
    assert handler.sent == [("the error", True)]


def test_a_terminal_goes_to_its_folder_by_itself(modules: dict[str, Any]) -> None:
    class PtyProcessUnicode:
        @classmethod
        def spawn(cls, argv: list[str], cwd: str | None = None, **given: Any) -> tuple[Any, ...]:
            return argv, cwd, given

    class TerminalManager:
        def create(self, **given: Any) -> tuple[Any, bool]:
            return given, threading.current_thread() is threading.main_thread()

    terminals = vars(modules[storage.TERMINALS])
    terminals["PtyProcessUnicode"] = PtyProcessUnicode
    vars(modules[storage.TERMINAL_MANAGER])["TerminalManager"] = TerminalManager
    storage._terminals()
    spawn = terminals["PtyProcessUnicode"].spawn
    assert spawn(argv=["bash"], cwd="/p/a", env={}) == ([*storage.CHDIR, "/p/a", "--", "bash"], None, {"env": {}})
    assert spawn(argv=["bash"], cwd=None) == (["bash"], None, {})

    async def serve() -> list[tuple[Any, bool]]:
        manager = TerminalManager()
        return [await storage_calls.run(manager.create, cwd="/p"), manager.create()]

    assert asyncio.run(serve()) == [({"cwd": "/p"}, True), ({}, True)]


def test_the_users_themes_are_left_out_meanwhile(modules: dict[str, Any], hung: Hung) -> None:
    def find(pattern: str, *, recursive: bool) -> list[str]:
        if pattern.startswith("/p"):
            storage.touch(pattern)
        return [pattern]

    vars(modules[storage.THEMES])["glob"] = find
    storage._themes()
    found = vars(modules[storage.THEMES])["glob"]
    assert found("/p/**/themes", recursive=True) == []
    assert found("/usr/**/themes", recursive=True) == ["/usr/**/themes"], "the image's come all the same"
    hung.end()
    assert found("/p/**/themes", recursive=True) == ["/p/**/themes"]


def test_the_users_kernels_are_left_out_meanwhile(
    modules: dict[str, Any], monkeypatch: pytest.MonkeyPatch, hung: Hung
) -> None:
    class KernelSpecManager:
        kernel_dirs = ("/usr/share", "/p/env/share", "/home/melda/.local/share")  # a FIFO in the last one hangs, too

        def get_all_specs(self) -> list[str]:
            own = [folder for folder in self.kernel_dirs if folder != "/usr/share"]
            storage.touch(*own) if own else None
            return own[:1] or ["image"]

        get_kernel_spec = get_all_specs

    vars(modules[storage.KERNELS])["KernelSpecManager"] = KernelSpecManager
    storage._kernelspecs()
    manager = KernelSpecManager()
    assert manager.get_all_specs() == ["image"]
    hung.end()
    assert manager.get_all_specs() == ["/p/env/share"]
