"""Files are found, looked at and read in threads, by tornado's own handler, and the image's as they always were."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from melda.jupyter import served_files, storage_calls
from tornado import httpclient, httpserver, netutil, web

ASKED: list[str] = []  # what was asked outside of the event loop's thread
HANGS = threading.Event()  # it is set: storage answers


def _ask(question: str) -> None:
    if threading.current_thread() is not threading.main_thread():
        ASKED.append(question)
        assert HANGS.wait(30)


class Files(web.StaticFileHandler):
    """As Jupyter's: a look at the path of its own, and what is served is not always what is in the file."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        _ask("path")
        if self.path == "hidden.txt":
            raise web.HTTPError(404)
        return super().validate_absolute_path(root, absolute_path)

    def get_modified_time(self) -> Any:
        _ask("time")
        return super().get_modified_time()

    def get_content_size(self) -> int:
        _ask("size")
        return super().get_content_size()

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> Any:
        _ask("content")
        return super().get_content(abspath, start, end)


class Css(Files):
    """As JupyterLab's themes: bytes, not an iterator of them."""

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> bytes:
        return Path(abspath).read_bytes().upper()


class Served(web.RequestHandler):
    """What needs no file."""

    def get(self) -> None:
        self.finish("served")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(web.StaticFileHandler, "get", web.StaticFileHandler.get)  # is put back
    monkeypatch.delitem(sys.modules, served_files.HANDLERS, raising=False)
    served_files.install()
    ASKED.clear()
    HANGS.set()
    yield
    HANGS.set()


def serve(folder: Path, client: Callable[..., Coroutine[Any, Any, None]]) -> None:
    """Run ``client(get)`` beside a server; ``get(path, ...)`` asks it."""

    async def run() -> None:
        routes = [(rf"/{name}/(.*)", handler, {"path": str(folder)}) for name, handler in (("f", Files), ("c", Css))]
        (socket,) = netutil.bind_sockets(0, "127.0.0.1")
        server = httpserver.HTTPServer(web.Application([*routes, ("/served", Served)]))  # type: ignore[arg-type]
        server.add_socket(socket)
        url = f"http://127.0.0.1:{socket.getsockname()[1]}"

        def get(path: str, **given: Any) -> Any:
            return httpclient.AsyncHTTPClient().fetch(url + path, raise_error=False, **given)

        try:
            await client(get)
        finally:
            server.stop()

    asyncio.run(run())


def test_others_are_served_while_a_file_hangs_and_then_it_comes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")

    async def client(get: Any) -> None:
        HANGS.clear()
        waits = asyncio.ensure_future(get("/f/a.txt"))
        while not ASKED:
            assert (await get("/served")).body == b"served"
        HANGS.set()
        answer = await waits
        assert (answer.code, answer.body, answer.headers["Content-Length"]) == (200, b"content", "7")
        assert ASKED == ["path", "size", "time", "content"], "each once, and in a thread"

    serve(tmp_path, client)


@pytest.mark.parametrize("user", [None, "melda"])
def test_strangers_wait_for_strangers_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str | None) -> None:
    """Files of pages are given to everybody: however many ask for them, the user's saves are not refused."""
    (tmp_path / "a.txt").write_text("content")
    monkeypatch.setattr(Files, "get_current_user", lambda _: user)
    used: list[str] = []
    for name in ("run", "run_for_strangers"):
        run = getattr(storage_calls, name)

        async def noted(*args: Any, name: str = name, run: Any = run) -> Any:
            used.append(name)
            return await run(*args)

        monkeypatch.setattr(storage_calls, name, noted)

    async def client(get: Any) -> None:
        assert (await get("/f/a.txt")).body == b"content"
        assert (await get("/f/none")).code == 404

    serve(tmp_path, client)
    assert set(used) == {"run" if user else "run_for_strangers"}


def test_ranges_times_and_refusals_are_tornados(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    (tmp_path / "hidden.txt").write_text("hidden")

    async def client(get: Any) -> None:
        part = await get("/f/a.txt", headers={"Range": "bytes=2-3"})
        assert (part.code, part.body) == (206, b"nt")
        modified = part.headers["Last-Modified"]
        assert (await get("/f/a.txt", headers={"If-Modified-Since": modified})).code == 304
        head = await get("/f/a.txt", method="HEAD")
        assert (head.code, head.body, head.headers["Content-Length"]) == (200, b"", "7")
        assert [(await get(path)).code for path in ("/f/hidden.txt", "/f/none", "/f/../../etc/passwd")] == [
            404,
            404,
            403,
        ]
        assert (await get("/c/a.txt")).body == b"CONTENT"

    serve(tmp_path, client)


def test_the_images_own_need_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("content")
    monkeypatch.setattr(served_files, "IMAGES", (str(tmp_path) + "/",))

    async def client(get: Any) -> None:
        assert (await get("/f/a.txt")).body == b"content"
        assert ASKED == []

    serve(tmp_path, client)


@pytest.mark.parametrize(
    ("roots", "found", "elsewhere"),
    [
        (("/usr/a/", "/p/b/"), {"/usr/a/": "/usr/a/x"}, False),
        (("/usr/a/", "/p/b/"), {"/p/b/": "/p/b/x"}, True),
        (("/p/b/", "/usr/a/"), {"/usr/a/": "/usr/a/x"}, True),
        (("/usr/a/", "/usr/b/"), {}, False),
    ],
)
def test_of_a_search_path_only_the_images_first_folders_are_asked_before(
    roots: tuple[str, ...], found: dict[str, str], elsewhere: bool
) -> None:
    class FileFindHandler:
        root = roots
        default_filename = None
        parse_url_path = staticmethod(str)

        @staticmethod
        def get_absolute_path(asked: tuple[str, ...], _: str) -> str:
            assert all(root.startswith("/usr/") for root in asked), "nothing of the user's"
            return next((found[root] for root in asked if root in found), "")

    assert served_files._is_elsewhere(FileFindHandler(), "x") is elsewhere


def test_who_looks_for_a_file_holds_nothing_that_others_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class FileFindHandler:
        _lock: Any = threading.Lock()

    module = ModuleType(served_files.HANDLERS)
    vars(module)["FileFindHandler"] = FileFindHandler
    monkeypatch.setitem(sys.modules, served_files.HANDLERS, module)
    served_files.install()
    with FileFindHandler._lock, FileFindHandler._lock:
        pass
    assert isinstance(FileFindHandler._lock, contextlib.nullcontext)
