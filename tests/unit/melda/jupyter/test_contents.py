"""Every call of Jupyter's manager of files runs in a thread; those that write one file, one behind the other."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import contents
from tornado import web

LOOP = "loop"


class Blocking:
    """Jupyter's of old."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.seen: list[tuple[str, str]] = []
        self.hangs = threading.Event()
        self.hooks: list[Any] = []

    def note(self, what: str) -> None:
        self.seen.append((what, threading.current_thread().name if threads_name() else LOOP))

    def get(self, path: str, content: bool = True) -> str:
        self.note("get")
        return path

    def save(self, model: str, path: str = "") -> str:
        self.check_and_sign(model)
        if model == "first":
            self.hangs.wait(60)
        self.seen.append((f"{model} in {path}", ""))
        self.emit({})
        return model

    def check_and_sign(self, nb: Any, path: str = "", again: bool = True) -> None:
        if again:  # as Jupyter does where its signatures are out of order, on the event loop
            return self.check_and_sign(nb, path, False)
        self.note("sign")
        return None

    def emit(self, data: Any) -> None:
        self.note("emit")

    def register_pre_save_hook(self, hook: Any) -> None:
        self.hooks.append(hook)


def threads_name() -> bool:
    return threading.current_thread() is not threading.main_thread()


class Waiting:
    """Jupyter's own."""

    def __init__(self, **given: Any) -> None:
        pass

    async def get(self, path: str) -> str:
        raise AssertionError("on the event loop")

    save = get


@pytest.fixture
def manager() -> Any:
    return contents.threaded(Blocking, Waiting)(parent="server")


def test_it_is_one_of_jupyters_and_works_in_a_thread(manager: Any) -> None:
    assert isinstance(manager, Waiting) and manager._files.given == {"parent": "server"}
    assert asyncio.run(manager.get(path="a")) == "a"
    ((_, thread),) = manager._files.seen
    assert thread != LOOP


def test_one_file_is_written_in_order_and_others_meanwhile(manager: Any) -> None:
    files = manager._files

    async def serve() -> None:
        saves = [asyncio.ensure_future(manager.save(model, "/a")) for model in ("first", "second")]
        assert await manager.save("third", path="b") == "third"
        files.hangs.set()
        assert await asyncio.gather(*saves) == ["first", "second"]

    asyncio.run(serve())
    order = [what for what, _ in files.seen if " in " in what]
    assert order == ["third in b", "first in /a", "second in /a"]
    assert {thread for what, thread in files.seen if what in ("sign", "emit")} == {LOOP}


@pytest.mark.parametrize(("number", "status"), [(errno.ENAMETOOLONG, 400), (errno.EIO, 500), (None, None)])
@pytest.mark.parametrize("name", ["get", "save"])
def test_a_disks_error_reaches_the_page_in_its_words(
    manager: Any, monkeypatch: pytest.MonkeyPatch, name: str, number: int | None, status: int | None
) -> None:
    """A file with a name of 300 letters was an "Unhandled error"."""

    def fails(_self: object, _path: str) -> None:
        raise OSError(number, "what Python says", "/a") if number else OSError("a library's")

    monkeypatch.setattr(Blocking, name, fails)
    with pytest.raises(web.HTTPError if number else OSError) as raised:
        asyncio.run(getattr(manager, name)("a"))
    assert getattr(raised.value, "status_code", None) == status
    assert getattr(raised.value, "log_message", None) == (os.strerror(number) if number else None)


def test_hooks_of_extensions_are_passed_on(manager: Any) -> None:
    manager.register_pre_save_hook(print)
    assert manager._files.hooks == [print]


def test_it_is_the_default_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    trait = SimpleNamespace(default_value=None)
    server, managers = ModuleType(contents.SERVER), ModuleType(contents.MANAGERS)
    vars(server)["ServerApp"] = SimpleNamespace(contents_manager_class=trait)
    vars(managers).update(LargeFileManager=Blocking, AsyncLargeFileManager=Waiting)
    monkeypatch.delitem(sys.modules, contents.SERVER, raising=False)
    contents.install()
    assert trait.default_value is None
    monkeypatch.setitem(sys.modules, contents.SERVER, server)
    for name in ("jupyter_server", "jupyter_server.services", "jupyter_server.services.contents"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, contents.MANAGERS, managers)
    contents.install()
    assert issubclass(trait.default_value, Waiting)  # type: ignore[arg-type]
